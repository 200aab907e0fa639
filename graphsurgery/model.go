package graphsurgery

import (
	"sync/atomic"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/safefile"
)

// Model is an ONNX file in memory. The decoded message is the truth; Graph is an
// index beside it. A Model is not safe for concurrent change; concurrent reading
// is.
type Model struct {
	Graph *Graph // the main graph

	pb        *pb.ModelProto
	functions []*Function
	byKey     map[functionKey]*Function
	taken     atomic.Pointer[map[string]nameKind] // see names
	types     *Types                              // see inferred
	original  source                              // what was loaded; nil once something changed
	path      string
	root      *safefile.Root         // folder of external data; nil for Parse
	held      *heldFile              // that some raw bytes are in; nil if all are in memory
	digest    atomic.Pointer[string] // of original, once it was asked for
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
