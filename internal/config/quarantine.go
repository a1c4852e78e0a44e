package config

import (
	"slices"
	"time"

	"utmsim/protocols"
)

// Quarantine is "config antivirus quarantine": what of the blocked objects is kept. The
// folder is the unit's, not a VDOM's.
type Quarantine struct {
	AgeLimit       time.Duration `cli:"agelimit" unit:"h" default:"0" range:"0-479" help:"Age limit for quarantined files (0 - 479 hours, 0 means forever)."`
	MaxFileSize    int64         `cli:"maxfilesize" unit:"MB" default:"0" range:"0-500" help:"Maximum file size to quarantine (0 - 500 Mbytes, 0 means unlimited; here never more than 64)."` // bytes
	Quota          int64         `cli:"quarantine-quota" unit:"MB" default:"0" range:"0-4294967295" help:"The amount of disk space to reserve for quarantining files (Mbytes; 0 is 1024)."`   // bytes
	DropInfected   ProtocolSet   `cli:"drop-infected" foreign:"imaps smtps pop3s https ftps mapi cifs im mm1 mm3 mm4 mm7" help:"Do not quarantine infected files found in sessions using the selected protocols."`
	StoreInfected  ProtocolSet   `cli:"store-infected" foreign:"imaps smtps pop3s https ftps mapi cifs im mm1 mm3 mm4 mm7" help:"Quarantine infected files found in sessions using the selected protocols."`
	DropBlocked    ProtocolSet   `cli:"drop-blocked" foreign:"imaps smtps pop3s https ftps mapi cifs im mm1 mm3 mm4 mm7" help:"Do not quarantine dropped files found in sessions using the selected protocols."`
	StoreBlocked   ProtocolSet   `cli:"store-blocked" foreign:"imaps smtps pop3s https ftps mapi cifs im mm1 mm3 mm4 mm7" help:"Quarantine blocked files found in sessions using the selected protocols."`
	DropHeuristic  ProtocolSet   `cli:"drop-heuristic" foreign:"imaps smtps pop3s https ftps mapi cifs im mm1 mm3 mm4 mm7" help:"Do not quarantine files detected by heuristics found in sessions using the selected protocols."`
	StoreHeuristic ProtocolSet   `cli:"store-heuristic" foreign:"imaps smtps pop3s https ftps mapi cifs im mm1 mm3 mm4 mm7" help:"Quarantine files detected by heuristics found in sessions using the selected protocols."`
	LowSpace       LowSpace      `cli:"lowspace" default:"ovrw-old" help:"Select the method for handling additional files when running low on disk space."`
	Destination    Destination   `cli:"destination" default:"NULL" foreign:"FortiAnalyzer" help:"Choose whether to quarantine files to the disk or to delete them instead of quarantining them."`
}

// Kept are the kinds of blocked objects that are kept.
type Kept struct{ Infected, Heuristic, Blocked bool }

// Of tells what is kept of a protocol: what the options store and don't drop, if there
// is a place for it.
func (q *Quarantine) Of(p protocols.Protocol) Kept {
	if q.Destination != DestinationDisk {
		return Kept{}
	}
	return Kept{
		Infected:  q.StoreInfected.Has(p) && !q.DropInfected.Has(p),
		Heuristic: q.StoreHeuristic.Has(p) && !q.DropHeuristic.Has(p),
		Blocked:   q.StoreBlocked.Has(p) && !q.DropBlocked.Has(p),
	}
}

// ProtocolSet is a set of protocols, in the order in which the appliance lists them.
type ProtocolSet uint32

var protocolOrder = []protocols.Protocol{protocols.IMAP, protocols.SMTP, protocols.POP3, protocols.HTTP, protocols.FTP, protocols.NNTP}

func (ProtocolSet) choices() (list []Choice) {
	for _, p := range protocolOrder {
		list = append(list, Choice{Word: p.Word(), Help: p.String() + "."})
	}
	return list
}

// Has tells whether p is in the set.
func (s ProtocolSet) Has(p protocols.Protocol) bool {
	return s&(1<<slices.Index(protocolOrder, p)) != 0
}

// LowSpace is what happens to a file for which there is no room.
type LowSpace uint8

// The ways of handling low space.
const (
	DropNew LowSpace = iota
	OverwriteOld
)

func (LowSpace) choices() []Choice {
	return []Choice{
		{Word: "drop-new", Help: "Drop (delete) the most recently quarantined files."},
		{Word: "ovrw-old", Help: "Overwrite the oldest quarantined files. That is, the files that are closest to being deleted from the quarantine."},
	}
}

// String is the setting's word.
func (e LowSpace) String() string { return word(e.choices(), uint8(e)) }

// Destination is where blocked objects go.
type Destination uint8

// The destinations.
const (
	DestinationNull Destination = iota
	DestinationDisk             // the state folder
)

func (Destination) choices() []Choice {
	return []Choice{
		{Word: "NULL", Help: "Files that would be quarantined are deleted."},
		{Word: "disk", Help: "Quarantine files to the hard disk: to the state folder."},
	}
}

// String is the setting's word.
func (e Destination) String() string { return word(e.choices(), uint8(e)) }
