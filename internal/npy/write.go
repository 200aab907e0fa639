package npy

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Named is an array of an archive.
type Named struct {
	Name string
	Array
}

// WriteArchive writes a .npz file, uncompressed, that numpy.load reads. The same
// arrays give the same bytes.
func WriteArchive(w io.Writer, arrays []Named) error {
	z := zip.NewWriter(w)
	for _, a := range arrays {
		entry, err := z.CreateHeader(&zip.FileHeader{Name: a.Name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if err := a.write(entry); err != nil {
			return fmt.Errorf("array %q: %w", a.Name, err)
		}
	}
	return z.Close()
}

// write writes an array as a .npy file of version 1: the header is padded with
// blanks so that the data starts at a multiple of 64.
func (a Array) write(w io.Writer) error {
	want := Size(a.Type)
	if want == 0 {
		return fmt.Errorf("type %s, want one of %v", a.Type, kinds)
	}
	for _, d := range a.Shape {
		want *= d
	}
	if len(a.Data) != want {
		return fmt.Errorf("%d bytes for shape %v of %s, want %d", len(a.Data), a.Shape, a.Type, want)
	}
	order := "<"
	if Size(a.Type) == 1 {
		order = "|"
	}
	text := fmt.Sprintf("{'descr': '%s%s', 'fortran_order': False, 'shape': %s, }", order, a.Type, tuple(a.Shape))
	text += strings.Repeat(" ", 63-(len(magic)+4+len(text))%64) + "\n"
	head := binary.LittleEndian.AppendUint16([]byte(magic+"\x01\x00"), uint16(len(text)))
	if _, err := w.Write(append(head, text...)); err != nil {
		return err
	}
	_, err := w.Write(a.Data)
	return err
}

// tuple prints a shape as Python does.
func tuple(shape []int) string {
	var b strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&b, "%d, ", d)
	}
	if len(shape) == 1 {
		return "(" + strings.TrimSuffix(b.String(), " ") + ")"
	}
	return "(" + strings.TrimSuffix(b.String(), ", ") + ")"
}
