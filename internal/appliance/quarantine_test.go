package appliance_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/scanner/samples"
)

const keepsAll = `config antivirus quarantine
    set destination disk
end
config antivirus profile
    edit "default"
        config http
            set options scan quarantine
        end
        config smtp
            set options scan quarantine
        end
    next
end
`

// eicarName is what the test file is called in the quarantine: its CRC-32 and name.
const eicarName = "6851cf3c.eicar.com"

// page asks the VIP for a path and returns what comes.
func (s *site) page(c *http.Client, path string) string {
	s.t.Helper()
	resp, err := c.Get("http://" + s.vip + path)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return string(body)
}

// inFolder is the names in the quarantine's folder, without the notes about them.
func (s *site) inFolder() (names []string) {
	list, err := os.ReadDir(filepath.Join(s.state, "quarantine"))
	if err != nil {
		return nil // it is made when there is something to keep
	}
	for _, e := range list {
		if filepath.Ext(e.Name()) != ".meta" && filepath.Ext(e.Name()) != ".part" {
			names = append(names, e.Name())
		}
	}
	return names
}

// mails sends a mail through the proxy and returns the refusal.
func (s *site) mails(content string) string {
	s.t.Helper()
	err := smtp.SendMail(s.proxyOf("SMTP"), nil, "x@client.test", []string{"bob@lab.test"}, []byte(content))
	var refused *textproto.Error
	require.ErrorAs(s.t, err, &refused)
	return fmt.Sprintf("%d %s", refused.Code, refused.Msg)
}

// httpClient keeps a connection for as long as the test needs it.
func (s *site) httpClient() *http.Client {
	transport := &http.Transport{MaxConnsPerHost: 1}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestQuarantine(t *testing.T) {
	s := newSite(t, keepsAll+"config system replacemsg mail smtp-virus\nset buffer \"%%FILE%% is kept as %%QUARFILENAME%%\"\nend\n")
	web := s.httpClient()
	assert.Contains(t, s.page(web, "/eicar.com"), "<td>Quarantined File Name</td><td>"+eicarName+"</td>")
	assert.Equal(t, "554 5.7.1 EICAR.COM is kept as "+eicarName, s.mails(mailWith("EICAR.COM", samples.EICAR())), "the part is kept, not the mail; it is known already")
	zip := s.page(web, "/eicar.zip")
	s.eventually(func() bool { return len(s.inFolder()) == 2 }, "two files kept")
	kept, err := os.ReadFile(filepath.Join(s.state, "quarantine", eicarName))
	require.NoError(t, err)
	assert.Equal(t, samples.EICAR(), kept)
	list := s.exec("diagnose antivirus quarantine list")
	assert.Regexp(t, `(?m)^6851cf3c +68 \S+ \S+ +\S+ \S+ +http +infected +1 FOREVER +`+eicarName+`  File is infected: EICAR_TEST_FILE$`, list)
	assert.Contains(t, list, "2 files, ")
	for _, name := range s.inFolder() {
		if name != eicarName {
			assert.Contains(t, zip, "<td>"+name+"</td>")
		}
	}
	assert.Contains(t, s.exec("execute log filter category virus", "execute log display"), `quarskip="No-skip"`)

	// In conserve mode nothing is kept, and what is blocked stays blocked.
	s.exec("diagnose sim memory 90")
	blocked := s.page(web, "/eicar.gz")
	assert.Contains(t, blocked, "You are not permitted to download")
	assert.Contains(t, blocked, "<td>Quarantined File Name</td><td></td>")
	assert.Contains(t, s.exec("execute log filter category virus", "execute log filter view-lines 5", "execute log display"), `quarskip="File-was-not-quarantined"`)
	s.exec("diagnose sim memory auto")

	// What is kept survives, and can be removed.
	web.CloseIdleConnections()
	dir := s.state
	s.stop()
	again, err := appliance.Start(appliance.Options{StateDir: dir, Version: "test", AnyPort: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, again.Stop()) }()
	run := func(line string) string {
		var out bytes.Buffer
		require.True(t, again.Console().Exec("test", []string{line}, &out), out.String())
		return out.String()
	}
	list = run("diagnose antivirus quarantine list")
	assert.Contains(t, list, eicarName)
	assert.Contains(t, list, "quarantine off")
	assert.Equal(t, "1 files deleted\n", run("diagnose antivirus quarantine delete "+eicarName))
	assert.Equal(t, "1 files deleted\n", run("diagnose antivirus quarantine purge"))
	eventually(t, func() bool { return len(s.inFolder()) == 0 }, "nothing kept")
}

// TestQuarantineIsOff: nothing is kept, and no folder made, unless it is asked for.
func TestQuarantineIsOff(t *testing.T) {
	s := newSite(t, "")
	assert.Contains(t, s.page(s.httpClient(), "/eicar.com"), "<td>Quarantined File Name</td><td></td>")
	assert.Contains(t, s.exec("execute log filter category virus", "execute log display"), `quarskip="Quarantine-disabled"`)
	assert.NoDirExists(t, filepath.Join(s.state, "quarantine"))
}

// TestQuarantineCantWrite: what is in the way of the folder is an event; traffic does
// not notice.
func TestQuarantineCantWrite(t *testing.T) {
	s := newSite(t, keepsAll)
	require.NoError(t, os.WriteFile(filepath.Join(s.state, "quarantine"), []byte("not a folder"), 0o600))
	assert.Contains(t, s.page(s.httpClient(), "/eicar.com"), "You are not permitted to download")
	s.eventually(func() bool {
		return strings.Contains(s.exec("execute log filter field logid 0100060010", "execute log display"), eicarName)
	}, "an event")
	assert.Contains(t, s.exec("diagnose antivirus quarantine list"), "0 files, ")
}

// TestQuarantineUnderLoad: many at once, and different ones, are kept within the quota.
func TestQuarantineUnderLoad(t *testing.T) {
	s := newSite(t, keepsAll+"config antivirus quarantine\nset quarantine-quota 1\nset maxfilesize 1\nend\n")
	const senders, each = 4, 12
	done := make(chan error, senders)
	for i := range senders {
		go func() {
			for k := range each {
				attachment := append(bytes.Repeat([]byte{byte(i), byte(k)}, 50_000), samples.EICAR()...)
				err := smtp.SendMail(s.proxyOf("SMTP"), nil, "x@client.test", []string{"bob@lab.test"}, []byte(mailWith(fmt.Sprintf("%d-%d.eml", i, k), append([]byte("x\n"), attachment...))))
				if err != nil && !strings.HasPrefix(err.Error(), "554 ") {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range senders {
		require.NoError(t, <-done)
	}
	s.eventually(func() bool {
		var sum int64
		for _, name := range s.inFolder() {
			if info, err := os.Stat(filepath.Join(s.state, "quarantine", name)); err == nil {
				sum += info.Size()
			}
		}
		return sum <= 1<<20
	}, "within the quota")
	s.eventually(func() bool {
		return strings.Contains(s.exec("diagnose antivirus quarantine list"), fmt.Sprintf("\n%d files, ", len(s.inFolder())))
	}, "list and folder agree")
	assert.NotEmpty(t, s.inFolder())
}

// TestNamesDontInject: names that others choose end up in the replies of all protocols
// and never become lines, tags or more bytes than a line may have.
func TestNamesDontInject(t *testing.T) {
	s := newSite(t, "config system replacemsg mail smtp-virus\nset buffer \"%%FILE%%|%%EMAIL_FROM%%|%%FILE%%|%%FILE%%|%%FILE%%|%%FILE%%|%%FILE%%\n250 injected\"\nend\n"+
		"config system replacemsg utm client-virus-html\nset buffer '<p title=\"%%FILE%%\">%%FILE%% %%URL%%</p>'\nend\n")
	long := strings.Repeat("x", 10<<10)
	for _, name := range []string{
		long, `a\"b`, "<script>", "=?utf-8?q?a=0D=0A250_ok?=", "=?utf-8?b?" + strings.Repeat("DQo", 2000) + "?=", "\x1b[2J", "\u202egpj.exe",
	} {
		reply := s.mails(mailWith(name, samples.EICAR()))
		assert.True(t, strings.HasPrefix(reply, "554 5.7.1 "), "%.80q", reply)
		assert.NotContains(t, reply, "\n", "one line")
		assert.LessOrEqual(t, len(reply)+len("\r\n"), 512)
		assert.Equal(t, -1, strings.IndexFunc(reply, func(r rune) bool { return r < ' ' || r > '~' }), "%q", reply)

		var form bytes.Buffer
		fmt.Fprintf(&form, "--b\r\nContent-Disposition: form-data; name=f; filename=\"%s\"\r\n\r\n%s\r\n--b--\r\n", name[:min(len(name), 7000)], samples.EICAR())
		resp, err := http.Post("http://"+s.vip+"/up", "multipart/form-data; boundary=b", &form)
		require.NoError(t, err)
		page, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, 403, resp.StatusCode)
		assert.Equal(t, 1, strings.Count(string(page), "<p title="), "%.200q", page)
		assert.NotContains(t, string(page), "<script>")
		assert.LessOrEqual(t, len(page), 64<<10)
	}
	http.DefaultClient.CloseIdleConnections()
}
