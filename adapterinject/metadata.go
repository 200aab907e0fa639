package adapterinject

import (
	"encoding/json"
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Prefix begins the name of everything that is injected.
const Prefix = "aat/"

// The metadata keys of an injected model.
const (
	MetaVersion     = "aat.version"      // "2"
	MetaRecipe      = "aat.recipe"       // JSON, see Info
	MetaBaseDigest  = "aat.base_digest"  // sha256:… of the base file
	MetaLabels      = "aat.labels"       // JSON array, in the order of the logits
	MetaFrontEnd    = "aat.frontend"     // JSON; how recordings become the model's input
	MetaBaseOutputs = "aat.base_outputs" // JSON array of name and shape
	MetaUndo        = "aat.undo"         // base64; how the base is had from the model, see Eject
	MetaRole        = "aat.role"         // on nodes: block0/attn/down, …
)

// Version is the version of the metadata and of the names under Prefix.
const Version = "2"

// Info is what an injected model says of itself.
type Info struct {
	Version    string          `json:"-"`
	BaseDigest string          `json:"-"`
	Labels     []string        `json:"-"`
	Method     string          `json:"method"`
	Recipe     json.RawMessage `json:"recipe"` // the recipe's own fields; package kinds reads them
	Head       Head            `json:"head"`   // without its labels
	Blocks     int             `json:"blocks"` // with adapters
}

// Provenance reads what Inject wrote into a model's metadata; false if the model
// was not injected or its metadata was altered beyond reading.
func Provenance(m *gs.Model) (Info, bool) {
	text, ok := m.Metadata(MetaRecipe)
	if !ok {
		return Info{}, false
	}
	var i Info
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		return Info{}, false
	}
	if labels, ok := m.Metadata(MetaLabels); ok {
		if err := json.Unmarshal([]byte(labels), &i.Labels); err != nil {
			return Info{}, false
		}
	}
	i.Version, _ = m.Metadata(MetaVersion)
	i.BaseDigest, _ = m.Metadata(MetaBaseDigest)
	return i, true
}

// Trainable names the initialisers that are trained, in the file's order: those
// under Prefix.
func Trainable(m *gs.Model) []string {
	var names []string
	for _, t := range m.Graph.Initializers() {
		if strings.HasPrefix(t.Name(), Prefix) {
			names = append(names, t.Name())
		}
	}
	return names
}

// existing names a trace of an earlier injection, or is empty.
func existing(m *gs.Model) string {
	if _, ok := m.Metadata(MetaVersion); ok {
		return "metadata " + MetaVersion
	}
	for _, t := range m.Graph.Initializers() {
		if strings.HasPrefix(t.Name(), Prefix) {
			return "initialiser " + t.Name()
		}
	}
	for _, n := range m.Graph.Nodes() {
		for _, o := range n.Outputs() {
			if o != nil && strings.HasPrefix(o.Name(), Prefix) {
				return "value " + o.Name()
			}
		}
	}
	return ""
}

type outputInfo struct {
	Name  string   `json:"name"`
	Shape []string `json:"shape"`
}

// setMetadata writes provenance into the injected model.
func (p *InjectionPlan) setMetadata(m *gs.Model) error {
	recipe, err := json.Marshal(p.recipe)
	if err != nil {
		return fmt.Errorf("the recipe cannot be written as JSON: %w", err)
	}
	base := p.target.Model
	var outputs []outputInfo
	for _, v := range base.Graph.Outputs() {
		o := outputInfo{Name: v.Name()}
		for _, d := range v.Shape() {
			o.Shape = append(o.Shape, d.String())
		}
		outputs = append(outputs, o)
	}
	set := func(key string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		m.SetMetadata(key, string(text))
		return nil
	}
	m.SetMetadata(MetaVersion, Version)
	m.SetMetadata(MetaBaseDigest, base.Digest())
	if err := set(MetaRecipe, Info{Method: p.recipe.Method(), Recipe: recipe, Head: p.head, Blocks: p.Blocks()}); err != nil {
		return err
	}
	if err := set(MetaBaseOutputs, outputs); err != nil {
		return err
	}
	if len(p.head.Labels) > 0 {
		if err := set(MetaLabels, p.head.Labels); err != nil {
			return err
		}
	}
	return setUndo(m, base)
}
