package finetune

import (
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	"github.com/gomlx/gomlx/ml/model"
)

// Names of the parts of a checkpoint; the initialiser's name follows.
const (
	partValue = "value/"
	partM     = "m/"
	partV     = "v/"
	partBest  = "best/"
)

// save writes the state of the position.
func (t *trainer) save() error {
	c := t.position
	for _, part := range []struct {
		prefix string
		of     func(param) *model.Variable
	}{
		{partValue, func(p param) *model.Variable { return p.value }},
		{partM, func(p param) *model.Variable { return p.m }},
		{partV, func(p param) *model.Variable { return p.v }},
	} {
		list, err := t.engine.download(part.prefix, part.of)
		if err != nil {
			return err
		}
		c.Tensors = append(c.Tensors, list...)
	}
	for _, b := range t.best {
		b.Name = partBest + b.Name
		c.Tensors = append(c.Tensors, b)
	}
	if err := t.folder.save(&c); err != nil {
		var de *DivergedError
		if errors.As(err, &de) {
			return t.note(de)
		}
		return err
	}
	t.saved, t.clean = time.Now(), true
	return t.teller.tell(t.event(EventCheckpoint))
}

// saveBest writes the best epoch's values alone, for [OpenRun].
func (t *trainer) saveBest() error {
	c := t.position
	c.History, c.Tensors = nil, t.best
	return t.folder.writeState(fileBest, &c, nil)
}

// restore puts a saved state back, after seeing that it belongs to this run.
func (t *trainer) restore(c *checkpoint) error {
	path := t.folder.path(fileCheckpoint)
	for _, d := range []struct{ what, got, want string }{
		{"configuration", c.ConfigDigest, t.position.ConfigDigest},
		{"model", c.ModelDigest, t.position.ModelDigest},
		{"set of recordings", c.DataDigest, t.position.DataDigest},
	} {
		if d.got != d.want {
			return &CheckpointError{Path: path, What: fmt.Sprintf("belongs to another %s: got digest %s, want %s", d.what, d.got, d.want)}
		}
	}
	if c.Epoch > t.cfg.Epochs || c.Batch > t.batches.Len() {
		return &CheckpointError{Path: path, What: fmt.Sprintf("stands at epoch %d, batch %d, beyond the run's %d and %d", c.Epoch, c.Batch, t.cfg.Epochs, t.batches.Len())}
	}
	part := func(prefix string) func(string) *namedTensor {
		return func(name string) *namedTensor { return c.tensor(prefix + name) }
	}
	err := firstError(
		t.engine.upload(part(partValue), func(p param) *model.Variable { return p.value }),
		t.engine.upload(part(partM), func(p param) *model.Variable { return p.m }),
		t.engine.upload(part(partV), func(p param) *model.Variable { return p.v }),
	)
	if err != nil {
		return &CheckpointError{Path: path, What: "does not fit the model", Err: err}
	}
	if t.best, err = c.bestValues(t.engine.params); err != nil {
		return &CheckpointError{Path: path, What: "does not fit the model", Err: err}
	}
	t.position = *c
	t.position.Tool, t.position.Tensors = t.cfg.Tool, nil
	return nil
}

// bestValues takes the best epoch's values out of a checkpoint.
func (c *checkpoint) bestValues(params []param) ([]namedTensor, error) {
	if c.Best == nil {
		return nil, nil
	}
	var list []namedTensor
	for _, p := range params {
		b := c.tensor(partBest + p.name)
		if b == nil || !slices.Equal(b.Shape, p.shape) {
			return nil, fmt.Errorf("no tensor %q of shape %v", partBest+p.name, p.shape)
		}
		list = append(list, namedTensor{Name: p.name, Shape: b.Shape, Data: b.Data})
	}
	return list, nil
}

// frozenDigest is one digest over all frozen tensors, by name.
func frozenDigest(digests map[string]string) string {
	return digestOf(func(h hash.Hash) {
		for _, name := range slices.Sorted(maps.Keys(digests)) {
			fmt.Fprintf(h, "%s\x00%s\n", name, digests[name])
		}
	})
}
