package ftpproxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
)

// end is how the next data connection with one side is made.
type end struct {
	way  way
	port uint16 // of the other side, to connect to
}

type way uint8

const (
	wayNone   way = iota // not arranged
	wayListen            // the other side connects
	wayDial              // the proxy connects
)

// forgetData takes back what was arranged.
func (x *dialogue) forgetData() {
	x.s.CloseData(wire.Client, true)
	x.s.CloseData(wire.Server, true)
	x.client, x.server = end{}, end{}
}

// passive handles PASV and EPSV: the client will connect to the proxy.
func (x *dialogue) passive(ctx context.Context, v verb, arg string) error {
	x.forgetData()
	if reply := x.passiveFault(v, arg); reply != "" {
		x.tell(reply)
		return nil
	}
	if refused, err := x.arrange(ctx, true, v == verbEPSV); refused != nil || err != nil {
		return x.relay(refused, err)
	}
	at, err := x.s.ListenData(wire.Client)
	if err != nil {
		return x.cantOpen(err)
	}
	x.client = end{way: wayListen}
	if v == verbEPSV {
		x.tell(fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)\r\n", at.Port()))
		return nil
	}
	x.tell("227 Entering Passive Mode (" + commas(at) + ").\r\n")
	return nil
}

// passiveFault is the answer to a PASV or EPSV that needs no server; empty when it
// is to be carried out (RFC 2428 section 3).
func (x *dialogue) passiveFault(v verb, arg string) string {
	ipv4 := x.clientIP().Is4()
	switch arg = strings.ToUpper(strings.TrimSpace(arg)); {
	case v == verbPASV && x.epsvAll:
		return replyAfterEPSVALL
	case v == verbPASV && !ipv4:
		return replyOnlyIPv4
	case v == verbPASV || arg == "":
		return ""
	case arg == "ALL":
		x.epsvAll = true
		return replyEPSVALL
	case arg == "1" && ipv4, arg == "2" && !ipv4:
		return ""
	case ipv4:
		return replyUseIPv4
	}
	return replyUseIPv6
}

func (x *dialogue) clientIP() netip.Addr { return x.s.ClientAddr().Addr().Unmap() }

// active handles PORT and EPRT: the proxy will connect to the client, and to nobody
// else (RFC 2577 section 3).
func (x *dialogue) active(ctx context.Context, v verb, arg string) error {
	x.forgetData()
	parse, success := parsePort, replyPORT
	if v == verbEPRT {
		parse, success = parseEPRT, replyEPRT
	}
	at, err := parse(arg)
	var f fault
	switch {
	case x.epsvAll:
		x.tell(replyAfterEPSVALL)
		return nil
	case errors.As(err, &f):
		x.tell(string(f))
		return nil
	case v == verbEPRT && at.Addr().Unmap().Is4() != x.clientIP().Is4():
		x.tell(x.passiveFault(verbEPSV, "the other"))
		return nil
	case at.Addr().Unmap() != x.clientIP() || at.Port() < 1024:
		x.refuse(replyIllegal)
		return nil
	}
	if refused, err := x.arrange(ctx, false, v == verbEPRT); refused != nil || err != nil {
		return x.relay(refused, err)
	}
	x.client = end{way: wayDial, port: at.Port()}
	x.tell(success)
	return nil
}

// arrange settles with the server how its data connection is made: in the way that
// the client has chosen for its own, unless the configuration says otherwise.
// refused is the server's answer when it does not agree.
func (x *dialogue) arrange(ctx context.Context, passive, extended bool) (refused []byte, err error) {
	switch x.s.ServerDataMode() {
	case config.DataPassive:
		passive = true
	case config.DataActive:
		passive = false
	}
	ipv4 := x.s.ServerAddr().Addr().Unmap().Is4()
	if passive {
		return x.askPassive(ctx, extended || !ipv4, ipv4)
	}
	return x.askActive(ctx, extended || !ipv4, ipv4)
}

// askPassive asks the server for a port. One that does not know EPSV is asked for
// PASV where its address allows that.
func (x *dialogue) askPassive(ctx context.Context, extended, ipv4 bool) (refused []byte, err error) {
	if extended && !(x.noEPSV && ipv4) {
		r, err := x.ask(ctx, []byte("EPSV\r\n"))
		if err != nil {
			return nil, err
		}
		if r.Code == 229 {
			return x.takePort(extendedPort(r.Raw))
		}
		if !ipv4 || r.Code/100 != 5 {
			return disagreed(r), nil
		}
		x.noEPSV = true
	}
	r, err := x.ask(ctx, []byte("PASV\r\n"))
	if err != nil {
		return nil, err
	}
	if r.Code != 227 {
		return disagreed(r), nil
	}
	return x.takePort(passivePort(r.Raw))
}

// takePort keeps the port that the server listens on. The address it gives is not
// looked at: data connections are made to the server itself.
func (x *dialogue) takePort(port uint16, err error) (refused []byte, _ error) {
	if err != nil {
		return []byte(replyCantOpen), nil
	}
	x.server = end{way: wayDial, port: port}
	return nil, nil
}

// askActive gives the server a port of the proxy. One that does not know EPRT is
// given it with PORT where its address allows that.
func (x *dialogue) askActive(ctx context.Context, extended, ipv4 bool) (refused []byte, err error) {
	at, err := x.s.ListenData(wire.Server)
	if err != nil {
		x.s.Log().Debug("no port for data", zap.Error(err))
		return []byte(replyCantOpen), nil
	}
	x.server = end{way: wayListen}
	if extended && !(x.noEPRT && ipv4) {
		family := 2
		if ipv4 {
			family = 1
		}
		r, err := x.ask(ctx, fmt.Appendf(nil, "EPRT |%d|%s|%d|\r\n", family, at.Addr(), at.Port()))
		if err != nil || r.Code/100 == 2 {
			return nil, err
		}
		if !ipv4 || r.Code/100 != 5 {
			return x.withoutServer(r), nil
		}
		x.noEPRT = true
	}
	r, err := x.ask(ctx, []byte("PORT "+commas(at)+"\r\n"))
	if err != nil || r.Code/100 == 2 {
		return nil, err
	}
	return x.withoutServer(r), nil
}

func (x *dialogue) withoutServer(r wire.Reply) []byte {
	x.forgetData()
	return disagreed(r)
}

// disagreed is what the client hears of a server's answer that is no consent.
func disagreed(r wire.Reply) []byte {
	if r.Code >= 400 {
		return r.Raw
	}
	return []byte(replyCantOpen)
}

// relay gives the client the answer of a server that does not agree.
func (x *dialogue) relay(refused []byte, err error) error {
	if err != nil {
		return err
	}
	x.forgetData()
	_, err = x.s.Client().Write(refused)
	return err
}

// cantOpen tells the client that there is no port for it.
func (x *dialogue) cantOpen(err error) error {
	x.forgetData()
	x.tell(replyCantOpen)
	x.s.Log().Debug("no port for data", zap.Error(err))
	return nil
}

// commas is an address as PORT and PASV write it.
func commas(at netip.AddrPort) string {
	ip := at.Addr().Unmap().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", ip[0], ip[1], ip[2], ip[3], at.Port()>>8, at.Port()&0xff)
}
