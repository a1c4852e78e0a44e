package lab

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// EICAR returns the 68 bytes of the EICAR anti-virus test file. They are
// assembled here from parts so that neither the source nor the binary contains
// them in one piece.
func EICAR() []byte {
	parts := []string{`X5O!P%@AP[4\PZX54(P^)7CC)7}`, `$EICAR`, `-STANDARD-`, `ANTIVIRUS-`, `TEST-FILE!`, `$H+H*`}
	return []byte(strings.Join(parts, ""))
}

// EICARZip returns a zip archive that holds the test file as eicar.com. It is
// the same on every call.
func EICARZip() []byte {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	file, err := w.CreateHeader(&zip.FileHeader{Name: "eicar.com", Method: zip.Deflate})
	if err == nil {
		_, err = file.Write(EICAR())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("lab: building the EICAR archive in memory: %v", err)) // a bytes.Buffer can't fail
	}
	return archive.Bytes()
}

// encode returns plain in the given content coding.
func encode(coding coding, plain []byte) []byte {
	var out bytes.Buffer
	w, err := coding.encoder(&out)
	if err == nil {
		_, err = io.Copy(w, bytes.NewReader(plain))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("lab: encoding %d bytes as %s in memory: %v", len(plain), coding.name, err))
	}
	return out.Bytes()
}
