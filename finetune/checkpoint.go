package finetune

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"slices"
)

// The file is: magic, version (uint32), header length (uint32), header (JSON),
// the tensors' float32 values in the header's order, and the SHA-256 of all
// bytes before it. Integers and floats are little-endian. One file with one
// trailer: it is complete and unaltered, or it is refused.
const (
	checkpointMagic   = "AATCKPT\n"
	checkpointVersion = 1
	maxHeader         = 16 << 20
	maxCheckpoint     = 16 << 30
	prefixLen         = len(checkpointMagic) + 8
)

// namedTensor is a float32 array under a name; Shape's product is len(Data).
type namedTensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// checkpoint is everything a training needs to continue to the same bits.
type checkpoint struct {
	Tool         string        `json:"tool"`          // program that wrote it
	ConfigDigest string        `json:"config_digest"` // of the recipe in config.json
	ModelDigest  string        `json:"model_digest"`  // of the injected, untrained model
	DataDigest   string        `json:"data_digest"`   // of labels, splits and features
	Step         int           `json:"step"`          // optimiser steps done
	Epoch        int           `json:"epoch"`         // of the next batch, from 0
	Batch        int           `json:"batch"`         // index of the next batch in its epoch
	LossSum      float64       `json:"loss_sum"`      // of this epoch's items so far
	LossItems    int           `json:"loss_items"`    // items in LossSum
	Best         *EpochResult  `json:"best"`          // nil before the first evaluation
	History      []EpochResult `json:"history"`       // finished epochs
	Layout       []layout      `json:"tensors"`       // names and shapes, in file order

	Tensors []namedTensor `json:"-"`
}

// layout is a tensor's entry in the header.
type layout struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

// tensor gives the values stored under name, or nil.
func (c *checkpoint) tensor(name string) *namedTensor {
	for i := range c.Tensors {
		if c.Tensors[i].Name == name {
			return &c.Tensors[i]
		}
	}
	return nil
}

// firstNonFinite names the first tensor with a NaN or an infinity, or "".
func (c *checkpoint) firstNonFinite() string {
	for _, t := range c.Tensors {
		if !allFinite(t.Data) {
			return t.Name
		}
	}
	return ""
}

func allFinite(x []float32) bool {
	// x−x is 0 for finite x, else NaN; the sum keeps any NaN. One branch in all.
	var sum float32
	for _, v := range x {
		sum += v - v
	}
	return sum == 0
}

// write encodes c. Values go out in pieces, so that memory stays small.
func (c *checkpoint) write(w io.Writer) error {
	c.Layout = make([]layout, len(c.Tensors))
	for i, t := range c.Tensors {
		c.Layout[i] = layout{Name: t.Name, Shape: t.Shape}
	}
	header, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encoding the checkpoint's header: %w", err)
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	prefix := []byte(checkpointMagic)
	prefix = binary.LittleEndian.AppendUint32(prefix, checkpointVersion)
	prefix = binary.LittleEndian.AppendUint32(prefix, uint32(len(header)))
	if _, err := out.Write(append(prefix, header...)); err != nil {
		return err
	}
	for _, t := range c.Tensors {
		if err := writeFloats(out, t.Data); err != nil {
			return err
		}
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

func writeFloats(w io.Writer, x []float32) error {
	const piece = 16 << 10
	buf := make([]byte, 0, 4*min(piece, len(x)))
	for len(x) > 0 {
		n := min(piece, len(x))
		buf = buf[:0]
		for _, v := range x[:n] {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}

// readCheckpoint reads and checks a file. The error is a [CheckpointError], but
// for a file that does not exist.
func readCheckpoint(path string) (*checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCheckpoint {
		return nil, &CheckpointError{Path: path, What: fmt.Sprintf("is not a plain file of at most %d bytes", int64(maxCheckpoint))}
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, &CheckpointError{Path: path, What: "cannot be read", Err: err}
	}
	c, err := decodeCheckpoint(data)
	if err != nil {
		return nil, &CheckpointError{Path: path, What: "is damaged", Err: err}
	}
	return c, nil
}

// decodeCheckpoint checks every length against the bytes that are there before
// it allocates, and the digest before it looks at anything.
func decodeCheckpoint(data []byte) (*checkpoint, error) {
	if len(data) < prefixLen+sha256.Size {
		return nil, fmt.Errorf("%d bytes are too few for a checkpoint", len(data))
	}
	if !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return nil, errors.New("does not start like a checkpoint")
	}
	body, trailer := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], trailer) {
		return nil, errors.New("its SHA-256 does not match its content")
	}
	if v := binary.LittleEndian.Uint32(body[len(checkpointMagic):]); v != checkpointVersion {
		return nil, fmt.Errorf("format version %d, want %d: use the program version that wrote it", v, checkpointVersion)
	}
	n := int64(binary.LittleEndian.Uint32(body[len(checkpointMagic)+4:]))
	rest := body[prefixLen:]
	if n > maxHeader || n > int64(len(rest)) {
		return nil, fmt.Errorf("its header is said to be %d bytes long, more than there are", n)
	}
	c := &checkpoint{}
	dec := json.NewDecoder(bytes.NewReader(rest[:n]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(c); err != nil {
		return nil, fmt.Errorf("its header: %w", err)
	}
	if c.Step < 0 || c.Epoch < 0 || c.Batch < 0 || c.LossItems < 0 {
		return nil, errors.New("its header holds a negative position")
	}
	return c, c.decodeTensors(rest[n:])
}

func (c *checkpoint) decodeTensors(values []byte) error {
	seen := map[string]bool{}
	for _, l := range c.Layout {
		if seen[l.Name] {
			return fmt.Errorf("holds tensor %q twice", l.Name)
		}
		seen[l.Name] = true
		n, ok := product(l.Shape, len(values)/4)
		if !ok {
			return fmt.Errorf("tensor %q of shape %v is larger than the %d bytes left", l.Name, l.Shape, len(values))
		}
		t := namedTensor{Name: l.Name, Shape: slices.Clone(l.Shape), Data: make([]float32, n)}
		for i := range t.Data {
			t.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(values[4*i:]))
		}
		values = values[4*n:]
		c.Tensors = append(c.Tensors, t)
	}
	if len(values) > 0 {
		return fmt.Errorf("%d bytes follow the last tensor", len(values))
	}
	return nil
}

// product multiplies dimensions, refusing negative ones and anything above limit.
func product(shape []int, limit int) (int, bool) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > limit/d {
			return 0, false
		}
		n *= d
	}
	return n, n <= limit
}

// digestOf is "sha256:…" of what f writes.
func digestOf(f func(h hash.Hash)) string {
	h := sha256.New()
	f(h)
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
}
