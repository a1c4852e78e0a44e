package lab

import (
	"bufio"
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func dialogueOver(input string) (*dialogue, *bytes.Buffer) {
	var out bytes.Buffer
	return &dialogue{bufio.NewReaderSize(bytes.NewBufferString(input), 16), bufio.NewWriter(&out), 100}, &out
}

func TestReadBlock(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", ".\r\n", ""},
		{"a line", "x\r\n.\r\n", "x\r\n"},
		{"stuffed", "..\r\n...x\r\n.\r\n", ".\r\n..x\r\n"},
		{"a dot that wasn't stuffed", ".x\r\n.\r\n", "x\r\n"},
		{"LF dot LF", "x\n.\ny\r\n.\r\n", "x\n.\ny\r\n"},
		{"LF dot CRLF", "x\n.\r\ny\r\n.\r\n", "x\n.\r\ny\r\n"},
		{"CR dot CR", "x\r.\ry\r\n.\r\n", "x\r.\ry\r\n"},
		{"CRLF dot LF", "x\r\n.\ny\r\n.\r\n", "x\r\n\ny\r\n"},
		{"CRLF dot CR", "x\r\n.\ry\r\n.\r\n", "x\r\n\ry\r\n"},
		{"CRLF dot CR CR LF", "x\r\n.\r\r\n.\r\n", "x\r\n\r\r\n"},
		{"no final CR", "x\n.\r\n\r\n.\r\n", "x\n.\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, _ := dialogueOver(test.in + "rest")
			content, tooLarge, err := d.readBlock(1000)
			require.NoError(t, err)
			assert.False(t, tooLarge)
			assert.Equal(t, test.want, string(content))
			rest, err := io.ReadAll(d.r)
			require.NoError(t, err)
			assert.Equal(t, "rest", string(rest))
		})
	}
	d, _ := dialogueOver("x\r\n.\r")
	_, _, err := d.readBlock(1000)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	d, _ = dialogueOver("12345\r\n.\r\nrest")
	content, tooLarge, err := d.readBlock(3)
	require.NoError(t, err)
	assert.True(t, tooLarge)
	assert.Equal(t, "123", string(content))
}

// FuzzBlock writes what it got as a block and reads it back.
func FuzzBlock(f *testing.F) {
	for _, seed := range []string{"", ".", "x", "\r\n", ".\r\n", "\r\n.\r\n", "\n.\n", "\r.\r", "a\r\n..\r\nb"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		content = withCRLF(content)
		writer, out := dialogueOver("")
		writer.block(content)
		require.NoError(t, writer.w.Flush())
		reader, _ := dialogueOver(out.String() + "rest")
		back, _, err := reader.readBlock(len(content))
		require.NoError(t, err)
		require.Equal(t, string(content), string(back))
		rest, err := io.ReadAll(reader.r)
		require.NoError(t, err)
		require.Equal(t, "rest", string(rest))
	})
}

// FuzzAddresses looks for a PORT or EPRT that isn't read or refused.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{"127,0,0,1,1,2", "|1|127.0.0.1|99|", "|2|::1|99|", "|", "||||", ",,,,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if port, err := parsePort(text); err == nil {
			require.True(t, port.Addr().Is4())
		}
		if port, err := parseEprt(text); err == nil {
			require.True(t, port.Addr().IsValid())
		}
	})
}

func TestWildmat(t *testing.T) {
	tests := []struct {
		patterns, name string
		want           bool
	}{
		{"*", "lab.test", true}, {"lab.*", "lab.test", true}, {"lab.?est", "lab.test", true}, {"lab", "lab.test", false},
		{"*,!lab.test", "lab.test", false}, {"!*,lab.test", "lab.test", true}, {"*.b*n*s", "lab.binaries", true},
		{"", "lab.test", false}, {"**t", "lab.test", true}, {"*x", "lab.test", false},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, matchesWildmat(test.patterns, test.name), test.patterns)
	}
}

// TestEncodersKeepEveryByte decodes what the encoders make of any bytes in the
// plainest way there is.
func TestEncodersKeepEveryByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 1, 600).Draw(t, "content")
		text := yencode("x", content)
		lines := bytes.Split([]byte(text), []byte("\r\n"))
		var back []byte
		for _, line := range lines[1 : len(lines)-2] {
			require.NotContains(t, string(line), "\n")
			require.NotContains(t, string(line), "\x00")
			require.False(t, bytes.HasPrefix(line, []byte(".")))
			for i := 0; i < len(line); i++ {
				if line[i] == '=' {
					i++
					back = append(back, line[i]-64-42)
					continue
				}
				back = append(back, line[i]-42)
			}
		}
		require.Equal(t, content, back)
	})
}
