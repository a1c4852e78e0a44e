package scanner

import (
	"fmt"
	"strings"
)

// Class is the category of a verdict.
type Class uint8

// The classes. Clean, then the detections, then what archives can be that keeps
// an engine from looking inside. The last ones are no engine's: they are what the
// caller itself has to say of an object, by its name, type or words.
const (
	Clean       Class = iota
	Virus             // a known detection
	Worm              // a known detection that spreads by itself
	Suspicious        // a heuristic detection
	Encrypted         // a part can't be opened without a password
	Corrupt           // a part is damaged or cut short
	Nested            // archives inside each other deeper than Limits.Nest
	Oversize          // the budget of bytes, files or work was used up before the end
	Unhandled         // a part is packed by a method the engine does not know
	FileBlocked       // not to be delivered, for its name or type
	FileExempt        // not to be scanned, for its name or type
	BannedWord        // not to be delivered, for the words in it
	classes
)

var classNames = [classes]string{
	"clean", "virus", "worm", "suspicious",
	"encrypted", "corrupt", "nested", "oversize", "unhandled",
	"file blocked", "file exempt", "banned word",
}

// String is the class in small letters.
func (c Class) String() string {
	if c >= classes {
		return fmt.Sprintf("class(%d)", uint8(c))
	}
	return classNames[c]
}

// Detection says whether the class means that something bad was found.
func (c Class) Detection() bool { return c == Virus || c == Worm || c == Suspicious }

// ClassSet is a set of classes.
type ClassSet uint16

// SetOf is the set of the given classes.
func SetOf(list ...Class) ClassSet {
	var s ClassSet
	for _, c := range list {
		s |= 1 << c
	}
	return s
}

// Has says whether c is in the set.
func (s ClassSet) Has(c Class) bool { return s&(1<<c) != 0 }

// ClassOf reads the class of a detection from its name, as signature authors
// write it: "Worm." in front, or in second place as in "Win.Worm.Name", means a
// worm; "Heuristic.", "Heuristics." and "Suspicious." a guess. Some heuristics of
// ClamAV say what an archive is instead of what is in it.
func ClassOf(name string) Class {
	for _, known := range prefixes {
		if strings.HasPrefix(name, known.prefix) {
			return known.class
		}
	}
	if parts := strings.SplitN(name, ".", 3); len(parts) == 3 && parts[1] == "Worm" {
		return Worm
	}
	return Virus
}

var prefixes = [...]struct {
	prefix string
	class  Class
}{
	{"Worm.", Worm},
	{"Heuristics.Encrypted.", Encrypted},
	{"Heuristics.Limits.Exceeded", Oversize},
	{"Heuristic.", Suspicious},
	{"Heuristics.", Suspicious},
	{"Suspicious.", Suspicious},
}
