package graphsurgery

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/safefile"
)

// maxMessage is the largest protobuf message other ONNX tools can read.
const maxMessage = math.MaxInt32

// maxRecursion bounds nested messages: three a graph level, and some for types.
const maxRecursion = 4*maxNesting + 32

// Model is an ONNX file in memory. The decoded message is the truth; Graph is an
// index beside it. A Model is not safe for concurrent change; concurrent reading
// is.
type Model struct {
	Graph *Graph // the main graph

	pb        *pb.ModelProto
	functions []*Function
	byKey     map[functionKey]*Function
	taken     atomic.Pointer[map[string]nameKind] // see names
	original  []byte                              // what was loaded; nil once something changed
	path      string
	root      *safefile.Root // folder of external data; nil for Parse
}

// Load reads the ONNX file at path. External data is read later, when a tensor
// is asked for its values, and only from regular files below the model's folder.
// The error is a [FormatError] when the file is not a valid ONNX file.
func Load(path string) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "load", Path: path, Err: errors.New("not a regular file")}
	}
	if info.Size() > maxMessage {
		return nil, &FormatError{File: path, What: fmt.Sprintf("%d bytes, more than the 2 GiB a protobuf message can have; large weights belong in external data", info.Size())}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := parse(data, path)
	if err != nil {
		return nil, err
	}
	if m.root, err = safefile.OpenRoot(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return m, nil
}

// Parse reads an ONNX model from its bytes, which it keeps. Such a model cannot
// have external data.
func Parse(data []byte) (*Model, error) { return parse(data, "") }

func parse(data []byte, path string) (*Model, error) {
	broken := func(what string, err error) error {
		return &FormatError{File: path, What: what, Err: err}
	}
	if len(data) == 0 {
		return nil, broken("the file is empty, not an ONNX file", nil)
	}
	m := &Model{pb: &pb.ModelProto{}, original: data, path: path}
	if err := (proto.UnmarshalOptions{RecursionLimit: maxRecursion}).Unmarshal(data, m.pb); err != nil {
		return nil, broken("not an ONNX file, or cut short", err)
	}
	switch {
	case m.pb.Graph == nil:
		return nil, broken("not an ONNX file: it holds no graph", nil)
	case m.pb.IrVersion == nil:
		return nil, broken("not an ONNX file: it names no IR version", nil)
	case m.pb.GetIrVersion() >= 3 && len(m.pb.OpsetImport) == 0:
		return nil, broken("not an ONNX file, or cut short: it imports no operator set", nil)
	}
	m.Graph = &Graph{model: m, pb: m.pb.Graph}
	if err := m.reindex(); err != nil {
		return nil, err
	}
	return m, nil
}

// Path is the file the model was loaded from, "" for [Parse].
func (m *Model) Path() string { return m.path }

// IRVersion is the ONNX IR version.
func (m *Model) IRVersion() int64 { return m.pb.GetIrVersion() }

// Producer is the name and version of the program that wrote the model.
func (m *Model) Producer() string {
	name, version := m.pb.GetProducerName(), m.pb.GetProducerVersion()
	if version == "" {
		return name
	}
	return name + " " + version
}

// Opset is the imported operator set version of a domain; "" is ai.onnx.
func (m *Model) Opset(domain string) (int64, bool) {
	for _, o := range m.pb.OpsetImport {
		if canonical(o.GetDomain()) == canonical(domain) {
			return o.GetVersion(), true
		}
	}
	return 0, false
}

// canonical maps the spelled-out default domain to "".
func canonical(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// Metadata gives the value of a metadata key.
func (m *Model) Metadata(key string) (string, bool) {
	for _, p := range m.pb.MetadataProps {
		if p.GetKey() == key {
			return p.GetValue(), true
		}
	}
	return "", false
}

// MetadataKeys lists the metadata keys in the file's order.
func (m *Model) MetadataKeys() []string {
	var keys []string
	for _, p := range m.pb.MetadataProps {
		keys = append(keys, p.GetKey())
	}
	return keys
}

// SetMetadata sets a metadata key; an empty value deletes it.
func (m *Model) SetMetadata(key, value string) {
	if old, found := m.Metadata(key); old == value && found == (value != "") {
		return // nothing to change: the loaded bytes stay
	}
	m.original = nil
	for i, p := range m.pb.MetadataProps {
		if p.GetKey() != key {
			continue
		}
		if value == "" {
			m.pb.MetadataProps = append(m.pb.MetadataProps[:i:i], m.pb.MetadataProps[i+1:]...)
		} else {
			p.Value = &value
		}
		return
	}
	if value != "" {
		m.pb.MetadataProps = append(m.pb.MetadataProps, &pb.StringStringEntryProto{Key: &key, Value: &value})
	}
}

// Bytes is the model as an ONNX file: the very bytes that were loaded if nothing
// changed since.
func (m *Model) Bytes() ([]byte, error) {
	if m.original != nil {
		return m.original, nil
	}
	if n := proto.Size(m.pb); n > maxMessage {
		return nil, &UnsupportedError{File: m.path, What: fmt.Sprintf("the model takes %d bytes, more than the 2 GiB a protobuf message can have", n), Hint: "move large weights to external data before editing"}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m.pb)
}

// Digest is "sha256:" and the digest of Bytes.
func (m *Model) Digest() string {
	b, err := m.Bytes()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Clone gives an independent copy.
func (m *Model) Clone() *Model {
	c := &Model{pb: proto.CloneOf(m.pb), original: m.original, path: m.path, root: m.root}
	c.Graph = &Graph{model: c, pb: c.pb.Graph}
	if err := c.reindex(); err != nil {
		panic("graphsurgery: the copy of an indexed model does not index: " + err.Error())
	}
	return c
}

// Save writes the model to path, whole or not at all. An existing file is
// refused with *atomicfile.ExistsError; see [Model.SaveForce].
func (m *Model) Save(path string) error { return m.save(path, false) }

// SaveForce is [Model.Save] that replaces an existing file.
func (m *Model) SaveForce(path string) error { return m.save(path, true) }

func (m *Model) save(path string, force bool) error {
	if m.hasExternal() && (m.path == "" || !atomicfile.SameFile(filepath.Dir(path), filepath.Dir(m.path))) {
		m = m.Clone() // references to files beside the model would point nowhere
		if err := m.InlineExternal(); err != nil {
			return err
		}
	}
	data, err := m.Bytes()
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data, atomicfile.Options{Force: force})
}
