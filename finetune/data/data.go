package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/aat-onnx/aat-onnx/audio"
)

// Options says how a source is read. The zero value, given a front end, reads
// labels as found, usual split names, and tolerates 10 % broken recordings.
type Options struct {
	// FrontEnd turns a recording into features. It is the model's.
	FrontEnd audio.FrontEnd

	// Labels are the model's labels, in the order of its output. A recording with
	// another label is an error that names it. Empty: the labels found, sorted.
	Labels []string

	// Splits are the names of the splits in the source.
	Splits SplitNames

	// ValShare and TestShare are cut off each label's recordings where the source
	// names no splits. 0 means 0.15; below 0 means none (of the test split only).
	ValShare, TestShare float64

	// GroupBy names a CSV column whose equal values stay in one split, where the
	// source names no splits. Empty: each file for itself.
	GroupBy string

	// Seed of the split made here.
	Seed uint64

	// Measure says that the recordings are for measuring only: one label will do,
	// and no split has to be there.
	Measure bool

	// Workers read recordings in parallel. 0: one for each processor.
	Workers int

	// MaxBadShare is the share of broken recordings that are skipped and reported;
	// above it Open fails. 0 means 0.10; below 0 means none. Unless it is none, one
	// broken recording is skipped in a set of any size.
	MaxBadShare float64

	// MaxBytes bounds the features held in memory. 0 means 8 GiB.
	MaxBytes int64

	// Progress, if set, is called after each recording, from one goroutine at a time.
	Progress func(done, total int)
}

func (o Options) withDefaults() Options {
	def := func(x, d float64) float64 {
		if x == 0 {
			return d
		}
		return max(x, 0)
	}
	o.ValShare = def(o.ValShare, 0.15)
	o.TestShare = def(o.TestShare, 0.15)
	o.MaxBadShare = def(o.MaxBadShare, 0.10)
	if o.MaxBytes == 0 {
		o.MaxBytes = 8 << 30
	}
	return o
}

// Item is one recording.
type Item struct {
	File     string            // as the source names it; relative, slash-separated for a folder
	Path     string            // where it was read
	Label    int               // index into Set.Labels
	Split    Split             // what it is used for
	Groups   map[string]string // further CSV columns; nil for a folder
	Features []float32         // [Frames, MelBins], row-major
	Digest   [sha256.Size]byte // SHA-256 of the file's bytes

	label string // before it is an index
	place string // file, with its line in a table
}

// Set is recordings ready for training. Its slices must not be changed.
type Set struct {
	Source     string    // the path given to Open
	Labels     []string  // label of each class, in the model's order
	Items      []Item    // in the source's order (a folder: by name)
	GroupNames []string  // further CSV columns
	Skipped    []Skip    // broken recordings, left out
	Warnings   []Warning // what a person should look at
	Frames     int       // of each item's features
	MelBins    int       // of each item's features
	SplitHere  bool      // the splits were made here, not named by the source
	SplitSeed  uint64    // Options.Seed where the splits were made here, else 0
}

// Open reads the labels, the splits and the features of every recording at path,
// a CSV file or a folder. See the package comment for both forms. The error is a
// [DataError] where the recordings cannot be used.
func Open(path string, o Options) (*Set, error) {
	return OpenContext(context.Background(), path, o)
}

// OpenContext is [Open] with a context that stops the reading.
func OpenContext(ctx context.Context, path string, o Options) (*Set, error) {
	o = o.withDefaults()
	if err := o.FrontEnd.Validate(); err != nil {
		return nil, fmt.Errorf("front end: %w", err)
	}
	set, err := scan(path, o)
	if err != nil {
		return nil, err
	}
	set.Frames, set.MelBins = o.FrontEnd.Frames, o.FrontEnd.MelBins
	if err := set.number(o.Labels, o.Measure); err != nil {
		return nil, err
	}
	if set.SplitHere {
		if err := deal(set.Items, o); err != nil {
			return nil, err
		}
		set.SplitSeed = o.Seed
	}
	if need := int64(len(set.Items)) * int64(set.Frames) * int64(set.MelBins) * 4; need > o.MaxBytes {
		return nil, &DataError{
			What: fmt.Sprintf("the features of %s %d MiB, more than the limit of %d MiB", plural(len(set.Items), "recording need", "recordings need"), need>>20, o.MaxBytes>>20),
			Hint: "train on fewer recordings, or raise the limit",
		}
	}
	if err := set.load(ctx, o); err != nil {
		return nil, err
	}
	if err := set.check(path, o.Measure); err != nil {
		return nil, err
	}
	return set, nil
}

// scan lists the recordings at path without opening them.
func scan(path string, o Options) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &DataError{What: fmt.Sprintf("cannot read the recordings: %v", err), Hint: "give a CSV file or a folder whose sub-folders are the labels"}
	}
	var set *Set
	switch {
	case info.IsDir():
		set, err = scanFolder(path, o)
	case info.Mode().IsRegular():
		set, err = scanTable(path, o)
	default:
		err = &DataError{What: path + " is neither a file nor a folder"}
	}
	if err != nil {
		return nil, err
	}
	set.Source = path
	return set, nil
}

// Split gives the items of one split, in order.
func (s *Set) Split(split Split) []Item {
	var items []Item
	for _, it := range s.Items {
		if it.Split == split {
			items = append(items, it)
		}
	}
	return items
}

// Count is the number of items in a split.
func (s *Set) Count(split Split) int { return len(s.Split(split)) }

// Digest identifies what a training sees: labels, splits, order, and the bits of
// the features. Two sets with one digest train to the same weights.
func (s *Set) Digest() string {
	h := sha256.New()
	text := func(x string) {
		_ = binary.Write(h, binary.LittleEndian, uint64(len(x)))
		_, _ = h.Write([]byte(x))
	}
	for _, l := range s.Labels {
		text(l)
	}
	buf := make([]byte, 0, 4*s.Frames*s.MelBins)
	for _, it := range s.Items {
		text(it.File)
		_ = binary.Write(h, binary.LittleEndian, [2]int64{int64(it.Label), int64(it.Split)})
		buf = buf[:0]
		for _, x := range it.Features {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		}
		_, _ = h.Write(buf)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// number turns label names into indices.
func (s *Set) number(labels []string, measure bool) error {
	found := map[string]int{}
	for _, it := range s.Items {
		found[it.label]++
	}
	s.Labels = slices.Clone(labels)
	if len(labels) == 0 {
		for l := range found {
			s.Labels = append(s.Labels, l)
		}
		slices.Sort(s.Labels)
	}
	if len(found) == 1 && !measure {
		return &DataError{
			What: fmt.Sprintf("%s only the label %q; a classifier needs at least two", plural(len(s.Items), "recording has", "recordings have"), s.Items[0].label),
			Hint: "give each label its own sub-folder, or its own value in the label column",
		}
	}
	index := map[string]int{}
	for i, l := range s.Labels {
		index[l] = i
	}
	var strange []string
	for i := range s.Items {
		it := &s.Items[i]
		k, ok := index[it.label]
		if !ok {
			strange = append(strange, fmt.Sprintf("%s has %q", it.place, it.label))
		}
		it.Label = k
	}
	if len(strange) > 0 {
		return &DataError{
			What:  plural(len(strange), "recording has", "recordings have") + " a label that the model does not have",
			Hint:  "inject the model with all labels, or correct these",
			Files: strange,
		}
	}
	for _, l := range s.Labels {
		if found[l] == 0 && !measure {
			s.warn(Absent, fmt.Sprintf("no recording has the label %q", l), nil)
		}
	}
	return nil
}

func (s *Set) warn(kind WarningKind, what string, files []string) {
	s.Warnings = append(s.Warnings, Warning{Kind: kind, What: what, Files: files})
}
