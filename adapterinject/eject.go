package adapterinject

import (
	"encoding/base64"
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Eject gives the base of an injected model, trained or not, byte for byte as it
// was, from the model alone: it holds a record of what Inject changed. The error is
// a *FormatError if the model has no such record, or was changed since in a way
// that the base cannot be had from it any more.
func Eject(m *gs.Model) (*gs.Model, error) {
	broken := func(format string, args ...any) error {
		return &gs.FormatError{File: m.Path(), What: fmt.Sprintf(format, args...)}
	}
	info, ok := Provenance(m)
	if !ok {
		return nil, broken("no adapters were injected into this model: metadata %s is missing or broken", MetaRecipe)
	}
	text, ok := m.Metadata(MetaUndo)
	if !ok {
		return nil, broken("metadata %s, the record of what inject changed, is missing", MetaUndo)
	}
	delta, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, broken("metadata %s is not base64: %v", MetaUndo, err)
	}
	base, err := gs.ApplyDelta(m, delta)
	if err != nil {
		return nil, fmt.Errorf("the base cannot be restored: %w", err)
	}
	if got := base.Digest(); got != info.BaseDigest {
		return nil, broken("the base cannot be restored, as parts of it were changed after the injection: digest %s, want %s", got, info.BaseDigest)
	}
	return base, nil
}

// setUndo writes the record that Eject reads, as the last change to the model.
func setUndo(m, base *gs.Model) error {
	delta, err := gs.Delta(m, base)
	if err != nil {
		return err
	}
	m.SetMetadata(MetaUndo, base64.StdEncoding.EncodeToString(delta))
	return nil
}
