package pjrt

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// fileKind tells a wheel from a library by its first bytes.
func fileKind(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	switch string(magic[:]) {
	case "PK\x03\x04":
		return "wheel", nil
	case "\x7fELF":
		return "library", nil
	}
	return "unknown", nil
}

// fileSHA is the SHA-256 of a whole file, lower-case hexadecimal.
func fileSHA(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ctxReader stops a long copy when the user interrupts it.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// checkWheel compares the wheel with the table.
func (a artefact) checkWheel(ctx context.Context, wheel string) error {
	got, err := fileSHA(ctx, wheel)
	if err != nil {
		return err
	}
	if got != a.wheelSHA {
		return &DownloadError{
			What: fmt.Sprintf("%s is not the expected %s: sha256 is %s, want %s", filepath.Base(wheel), a.wheel, got, a.wheelSHA),
			Hint: fmt.Sprintf("fetch %s %s again; if the digest still differs, do not use the file", a.pkg, a.version),
		}
	}
	return nil
}

// unpack writes the one library of the wheel to dst, synced and checked.
// No name from the archive becomes a path.
func (a artefact) unpack(ctx context.Context, wheel, dst string) error {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return a.broken(wheel, err)
	}
	defer z.Close()
	var found *zip.File
	for _, f := range z.File {
		if strings.Contains(f.Name, `\`) || !filepath.IsLocal(f.Name) {
			return a.broken(wheel, fmt.Errorf("name %q inside it leaves its folder", f.Name))
		}
		if f.Name != a.member {
			continue
		}
		if found != nil {
			return a.broken(wheel, fmt.Errorf("%s is inside it twice", a.member))
		}
		found = f
	}
	switch {
	case found == nil:
		return a.broken(wheel, fmt.Errorf("%s is not inside it", a.member))
	case !found.Mode().IsRegular():
		return a.broken(wheel, fmt.Errorf("%s inside it is not a regular file", a.member))
	case found.UncompressedSize64 != uint64(a.size):
		return a.broken(wheel, fmt.Errorf("%s inside it has %d bytes, want %d", a.member, found.UncompressedSize64, a.size))
	}
	r, err := found.Open()
	if err != nil {
		return a.broken(wheel, err)
	}
	defer r.Close()
	return a.copyChecked(ctx, r, dst, wheel)
}

func (a artefact) broken(file string, err error) error {
	return &DownloadError{
		What: filepath.Base(file) + " cannot be unpacked",
		Hint: fmt.Sprintf("fetch %s %s again", a.pkg, a.version),
		Err:  err,
	}
}

// copyChecked writes r to the new file dst and compares size and digest with the
// table. It reads at most one byte more than the table allows. Write errors come
// back as they are (disk full is no download error); read errors as broken.
func (a artefact) copyChecked(ctx context.Context, r io.Reader, dst, from string) error {
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), &ctxReader{ctx, io.LimitReader(r, a.size+1)})
	if err != nil {
		var writing *os.PathError
		if ctx.Err() != nil || errors.As(err, &writing) && writing.Op == "write" {
			return err
		}
		return a.broken(from, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != a.size || got != a.sha {
		return &DownloadError{
			What: fmt.Sprintf("the library in %s is not the expected one: sha256 is %s, want %s", filepath.Base(from), got, a.sha),
			Hint: fmt.Sprintf("fetch %s %s again; if the digest still differs, do not use the file", a.pkg, a.version),
		}
	}
	if err := out.Chmod(0o444); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	return out.Close()
}
