package data

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// Split says what an item is used for.
type Split int

// The three uses of recordings: to learn from, to choose the best epoch by, and
// to measure once at the end.
const (
	Train Split = iota
	Val
	Test
)

// Splits is every split, in order.
func Splits() []Split { return []Split{Train, Val, Test} }

// String gives "train", "val" or "test".
func (s Split) String() string { return [...]string{"train", "val", "test"}[s] }

// SplitNames gives the names a source may use for each split, in any case.
// An empty list means the usual ones.
type SplitNames struct {
	Train []string // default: train, training
	Val   []string // default: val, valid, validation, dev
	Test  []string // default: test, testing, eval
}

func (n SplitNames) of(s Split) []string {
	given := [...][]string{n.Train, n.Val, n.Test}[s]
	if len(given) > 0 {
		return given
	}
	return [...][]string{
		{"train", "training"},
		{"val", "valid", "validation", "dev"},
		{"test", "testing", "eval"},
	}[s]
}

// parse gives the split that name stands for.
func (n SplitNames) parse(name string) (Split, bool) {
	for _, s := range Splits() {
		if slices.ContainsFunc(n.of(s), func(x string) bool { return strings.EqualFold(x, name) }) {
			return s, true
		}
	}
	return Train, false
}

// all lists every accepted name, for messages.
func (n SplitNames) all() string {
	var names []string
	for _, s := range Splits() {
		names = append(names, n.of(s)...)
	}
	return strings.Join(names, ", ")
}

// deal gives each item a split: within each label a seeded shuffle of units (the
// files, or the groups key names), of which the shares val and test are cut off.
// The result depends on the items' names only, not on their order.
func deal(items []Item, o Options) error {
	units := map[string][]int{}
	for i, it := range items {
		key, err := unitKey(it, o.GroupBy)
		if err != nil {
			return err
		}
		units[key] = append(units[key], i)
	}
	byLabel := map[string][]string{}
	for key, members := range units {
		// A group may hold several labels: it is dealt with the alphabetically first.
		label := items[members[0]].label
		for _, i := range members {
			label = min(label, items[i].label)
		}
		byLabel[label] = append(byLabel[label], key)
	}
	for label, keys := range byLabel {
		slices.Sort(keys)
		shuffle(keys, o.Seed, label)
		val, test := share(len(keys), o.ValShare), share(len(keys), o.TestShare)
		for k, key := range keys {
			s := Train
			switch {
			case k < test:
				s = Test
			case k < test+val:
				s = Val
			}
			for _, i := range units[key] {
				items[i].Split = s
			}
		}
	}
	return nil
}

func unitKey(it Item, group string) (string, error) {
	if group == "" {
		return it.File, nil
	}
	value, ok := it.Groups[group]
	if !ok {
		return "", &DataError{
			What: fmt.Sprintf("no group column %q to split by", group),
			Hint: "add the column to the CSV file, or split by file",
		}
	}
	if value == "" {
		return it.File, nil
	}
	return "group\x00" + value, nil
}

// share is how many of n units a share p takes: rounded, at least one where
// there are enough units to leave two for the rest.
func share(n int, p float64) int {
	if p <= 0 {
		return 0
	}
	k := int(float64(n)*p + 0.5)
	if n >= 3 {
		k = max(k, 1)
	}
	return min(k, max(0, (n-1)/2))
}

// shuffle permutes keys by the seed and the label, so that a label added later
// does not move the files of the others.
func shuffle(keys []string, seed uint64, label string) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(label)) // a hash never fails
	src := rand.NewPCG(seed, h.Sum64())
	order := permutation(len(keys), src)
	sorted := slices.Clone(keys)
	for to, from := range order {
		keys[to] = sorted[from]
	}
}
