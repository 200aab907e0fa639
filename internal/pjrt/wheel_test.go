package pjrt

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const fakeMember = "plugins/fake/fake.so"

// fakeArtefact is a table row for the given library content and wheel.
func fakeArtefact(lib, wheel []byte) artefact {
	return artefact{
		name: "fake", title: "the fake plugin", kind: kindORT, pkg: "fake-pjrt", version: "0.0.1",
		wheel: "fake_pjrt-0.0.1-py3-none-any.whl", wheelSHA: sum(wheel),
		member: fakeMember, file: "libfake.so", size: int64(len(lib)), sha: sum(lib),
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// entry is one file of a wheel under construction.
type entry struct {
	name string
	data []byte
	mode fs.FileMode
}

func makeWheel(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode | 0o644)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t testing.TB, path string, data []byte, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// tree lists all files and folders under dir, dir itself excluded.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if p != dir {
			names = append(names, strings.TrimPrefix(p, dir+string(filepath.Separator)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var fakeLib = []byte("\x7fELF, and the rest of a library")

func TestUnpackRefusals(t *testing.T) {
	good := entry{name: fakeMember, data: fakeLib}
	whole := makeWheel(t, good)
	for _, c := range []struct {
		name  string
		wheel []byte
		want  string
	}{
		{"parent folder", makeWheel(t, good, entry{name: "../evil.so", data: fakeLib}), "leaves its folder"},
		{"inner parent", makeWheel(t, good, entry{name: "a/../../evil.so", data: fakeLib}), "leaves its folder"},
		{"absolute", makeWheel(t, good, entry{name: "/evil.so", data: fakeLib}), "leaves its folder"},
		{"backslash", makeWheel(t, good, entry{name: `..\evil.so`, data: fakeLib}), "leaves its folder"},
		{"truncated", whole[:len(whole)/2], "cannot be unpacked"},
		{"empty", nil, "cannot be unpacked"},
		{"text", []byte("not a zip"), "cannot be unpacked"},
		{"member missing", makeWheel(t, entry{name: "other.so", data: fakeLib}), "is not inside it"},
		{"member twice", makeWheel(t, good, good), "inside it twice"},
		{"symbolic link", makeWheel(t, entry{name: fakeMember, data: fakeLib, mode: fs.ModeSymlink}), "not a regular file"},
		{"too large", makeWheel(t, entry{name: fakeMember, data: append(fakeLib, 0)}), "bytes, want"},
		{"other content", makeWheel(t, entry{name: fakeMember, data: bytes.ToUpper(fakeLib)}), "is not the expected one"},
		{"damaged", bytes.Replace(whole, whole[60:64], []byte{1, 2, 3, 4}, 1), "fake.whl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			a := fakeArtefact(fakeLib, c.wheel)
			wheel := writeFile(t, filepath.Join(dir, "fake.whl"), c.wheel, 0o644)
			out := filepath.Join(dir, "out")
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
			err := a.unpack(context.Background(), wheel, filepath.Join(out, a.file))
			var de *DownloadError
			if !errors.As(err, &de) || !strings.Contains(err.Error(), c.want) || de.Hint == "" {
				t.Errorf("error is %v, want a DownloadError with %q and a hint", err, c.want)
			}
			for _, f := range append(tree(t, dir), tree(t, filepath.Dir(dir))...) {
				if strings.Contains(f, "evil") {
					t.Errorf("%s was written", f)
				}
			}
		})
	}
}

func TestUnpackWritesTheLibraryAlone(t *testing.T) {
	wheel := makeWheel(t, entry{name: "plugins/fake/__init__.py", data: []byte("x = 1\n")}, entry{name: fakeMember, data: fakeLib})
	a := fakeArtefact(fakeLib, wheel)
	in, out := t.TempDir(), t.TempDir()
	path := writeFile(t, filepath.Join(in, a.wheel), wheel, 0o644)
	if err := a.unpack(context.Background(), path, filepath.Join(out, a.file)); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, a.file))
	if err != nil || !bytes.Equal(got, fakeLib) {
		t.Errorf("got %q, %v; want the library", got, err)
	}
	if names := tree(t, out); len(names) != 1 {
		t.Errorf("got files %q, want the library alone", names)
	}
}

// FuzzUnpack: whatever the bytes of the wheel, nothing but the checked library
// ever appears.
func FuzzUnpack(f *testing.F) {
	good := makeWheel(f, entry{name: fakeMember, data: fakeLib})
	f.Add(good)
	f.Add(good[:len(good)-7])
	f.Add(makeWheel(f, entry{name: fakeMember, data: fakeLib}, entry{name: "../x", data: fakeLib}))
	f.Fuzz(func(t *testing.T, wheel []byte) {
		dir := t.TempDir()
		a := fakeArtefact(fakeLib, wheel)
		dst := filepath.Join(dir, a.file)
		err := a.unpack(context.Background(), writeFile(t, filepath.Join(dir, a.wheel), wheel, 0o644), dst)
		if err == nil {
			if got, _ := os.ReadFile(dst); !bytes.Equal(got, fakeLib) {
				t.Errorf("accepted %q", got)
			}
		}
		for _, name := range tree(t, dir) {
			if name != a.file && name != a.wheel {
				t.Errorf("%s appeared", name)
			}
		}
	})
}
