package appliance_test

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"utmsim/protocols"
)

// faultsEnv marks the process that TestFaults starts.
const faultsEnv = "UTMSIM_FAULTS"

// TestFaults has the system refuse what it nearly always grants: descriptors, and the
// calls that watch them. A filter of system calls stays for the life of a process, so
// it is one of its own: TestFaultsChild. The lines are those of every protocol's
// "Error Count (accept)", "Error Count (socket)" and "Error Count (poll)", the worker's,
// and pollfail.
func TestFaults(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFaultsChild$")
	cmd.Env = append(os.Environ(), faultsEnv+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestFaultsChild(t *testing.T) {
	if os.Getenv(faultsEnv) == "" {
		t.Skip("only in the process that TestFaults starts")
	}
	warmUp(t) // Go makes its own set when it first needs one
	sets := pollSets(t)
	s := newSite(t, "config system simulator\nset refuse polite\nend\nconfig system global\nset av-failopen off\nend\n")
	added := slices.DeleteFunc(pollSets(t), func(fd int) bool { return slices.Contains(sets, fd) })
	require.Len(t, added, 1, "the engine has one poll set")
	quiet := openFiles()
	for _, sp := range speakers() {
		s.acceptFails(sp)
		s.eventually(func() bool { return openFiles() == quiet }, "nobody is about to close a file")
		s.socketFails(sp)
	}
	s.farewellFails()

	resting := s.dial("127.0.0.1")
	resting.home()
	s.rests(resting)
	refuse(t, unix.SYS_EPOLL_CTL, added[0], unix.EPOLL_CTL_ADD, unix.ENOSPC)
	for _, sp := range speakers() {
		c, end := s.callAs(sp)
		s.becomes(sp.proto, "Error Count (poll)", 1)
		end()
		unix.Close(c)
	}
	s.becomes(protocols.HTTP, "Worker Stat/Error Count (poll)", protocols.Count)
	refuse(t, unix.SYS_EPOLL_PWAIT, added[0], anyArgument, unix.EIO)
	resting.send("G")
	s.eventually(func() bool { return value(t, s.Engine().Report(), protocols.HTTP, "Worker Accounting/pollfail") > 0 }, "pollfail")
	assert.EqualValues(t, unix.EIO, value(t, s.Engine().Report(), protocols.HTTP, "Worker Stat/Last Error"))
	s.eventually(func() bool {
		return strings.Contains(s.exec("execute log filter view-lines 100", "execute log filter field logid 0100060011", "execute log display"),
			` level=error vd="root" logdesc="Poll failed" error="epoll_pwait: input/output error" msg=`)
	}, "the log says so")
	resting.Close()
}

// becomes waits until a line has an amount.
func (s *site) becomes(p protocols.Protocol, line string, amount int) {
	s.t.Helper()
	s.eventually(func() bool { return value(s.t, s.Engine().Report(), p, line) >= int64(amount) }, "%s %s is %d", p, line, amount)
	assert.EqualValues(s.t, amount, value(s.t, s.Engine().Report(), p, line), "%s %s", p, line)
}

// acceptFails has a client knock when there is no descriptor for it.
func (s *site) acceptFails(sp *speaker) {
	c := bareSocket(s.t)
	withFiles(s.t, 0, func() {
		s.connectBare(c, sp)
		for _, line := range []string{"Error Count (accept)", "Worker Stat/Error Count (accept)"} {
			s.eventually(func() bool { return value(s.t, s.Engine().Report(), sp.proto, line) > 0 }, "%s %s", sp.proto, line)
		}
	})
	unix.Close(c)
	s.eventually(func() bool {
		return s.Engine().Sessions() == 0 && value(s.t, s.Engine().Report(), sp.proto, "setup_ok") == 1
	}, "%s: the client got in and left", sp.proto)
}

// socketFails lets the client in and has no descriptor left for its server.
func (s *site) socketFails(sp *speaker) {
	c := bareSocket(s.t)
	next, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) // the lowest that is free
	require.NoError(s.t, err)
	require.NoError(s.t, unix.Close(next))
	withFiles(s.t, next+1, func() {
		s.connectBare(c, sp)
		_, _ = unix.Write(c, []byte("GET / HTTP/1.0\r\n\r\n")) // HTTP connects when it is asked for something
		s.becomes(sp.proto, "Error Count (socket)", 1)
		s.becomes(sp.proto, "setup_fail", 1)
	})
	unix.Close(c)
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "%s over", sp.proto)
}

// farewellFails has a client gone when the proxy tells it that there is no room.
func (s *site) farewellFails() {
	s.exec("diagnose sim fill http 8032")
	defer s.exec("diagnose sim drain")
	c := bareSocket(s.t)
	before := value(s.t, s.Engine().Report(), protocols.HTTP, "Worker Stat/Error Count (accept)")
	withFiles(s.t, 0, func() {
		s.connectBare(c, httpSpeaker())
		s.eventually(func() bool {
			return value(s.t, s.Engine().Report(), protocols.HTTP, "Worker Stat/Error Count (accept)") > before
		}, "it has to wait")
		require.NoError(s.t, unix.SetsockoptLinger(c, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		require.NoError(s.t, unix.Close(c))
	})
	s.becomes(protocols.HTTP, "Worker Stat/Error Count (write)", 1)
}

// callAs is a client's connection made by hand, and how to end it.
func (s *site) callAs(sp *speaker) (fd int, end func()) {
	fd = bareSocket(s.t)
	s.connectBare(fd, sp)
	return fd, func() { s.eventually(func() bool { return s.Engine().Sessions() == 1 }, "%s over", sp.proto) }
}

// bareSocket is a socket that Go knows nothing of, so that using it takes no further
// descriptor.
func bareSocket(t testing.TB) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	return fd
}

func (s *site) connectBare(fd int, sp *speaker) {
	at, err := netip.ParseAddrPort(s.door(sp))
	require.NoError(s.t, err)
	require.NoError(s.t, unix.Connect(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}))
}

// withFiles does something while only descriptors below limit can be had.
func withFiles(t testing.TB, limit int, do func()) {
	var old unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: old.Max}))
	defer func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old)) }()
	do()
}

// pollSets are the descriptors of this process that are epoll sets.
func pollSets(t testing.TB) (list []int) {
	for fd := range 1000 {
		name, err := os.Readlink(filepath.Join("/proc/self/fd", strconv.Itoa(fd)))
		if err == nil && name == "anon_inode:[eventpoll]" {
			list = append(list, fd)
		}
	}
	require.NotEmpty(t, list)
	return list
}

// anyArgument stands for every second argument.
const anyArgument = -1

// refuse has a system call on a descriptor fail from now on, in all threads
// (seccomp(2)). second is its second argument, or anyArgument.
func refuse(t testing.TB, call, fd, second int, with unix.Errno) {
	const (
		load, jumpEqual, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		number, argument        = 0, 16 // offsets in struct seccomp_data; arguments have eight bytes, the low half first
		allow, fail             = 0x7fff0000, 0x00050000
	)
	program := []unix.SockFilter{
		{Code: load, K: number}, {Code: jumpEqual, K: uint32(call), Jf: 5},
		{Code: load, K: argument}, {Code: jumpEqual, K: uint32(fd), Jf: 3},
		{Code: load, K: argument + 8}, {Code: jumpEqual, K: uint32(second), Jf: 1},
		{Code: answer, K: fail | uint32(with)},
		{Code: answer, K: allow},
	}
	if second == anyArgument {
		program = slices.Delete(program, 4, 6)
		program[1].Jf, program[3].Jf = 3, 1
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	require.NoError(t, unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const everyThread = 1 // SECCOMP_FILTER_FLAG_TSYNC
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, everyThread, uintptr(unsafe.Pointer(&filter)))
	require.Zero(t, e, "filtering system calls: %v", e)
}
