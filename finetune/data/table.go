package data

import (
	"fmt"
	"os"
	"path/filepath"
)

// scanTable lists the recordings of a CSV file and sees that each exists.
func scanTable(path string, o Options) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &DataError{What: fmt.Sprintf("cannot read the table: %v", err)}
	}
	defer f.Close()
	name := filepath.Base(path)
	t, err := readCSV(f, name)
	if err != nil {
		return nil, err
	}
	set := &Set{GroupNames: t.Groups, SplitHere: !t.HasSplit}
	var missing []string
	labels := map[string]row{} // by path: its first row
	for _, r := range t.Rows {
		it, err := r.item(filepath.Dir(path), name, t, o)
		if err != nil {
			return nil, err
		}
		if first, seen := labels[it.Path]; seen && first.Label != r.Label {
			return nil, &DataError{
				What: fmt.Sprintf("%s lines %d and %d give %s two labels, %q and %q", name, first.Line, r.Line, r.File, first.Label, r.Label),
				Hint: "keep one label for each recording",
			}
		} else if !seen {
			labels[it.Path] = r
		}
		if info, err := os.Stat(it.Path); err != nil || !info.Mode().IsRegular() {
			missing = append(missing, it.place)
			continue
		}
		set.Items = append(set.Items, it)
	}
	if len(missing) > 0 {
		return nil, &DataError{
			What:  fmt.Sprintf("%d of %d recordings in %s do not exist", len(missing), len(t.Rows), name),
			Hint:  "paths in the file column are relative to the folder of the CSV file",
			Files: missing,
		}
	}
	return set, nil
}

// item resolves a row's path and split.
func (r row) item(dir, name string, t *table, o Options) (Item, error) {
	it := Item{File: r.File, Path: filepath.FromSlash(r.File), label: r.Label, place: fmt.Sprintf("%s (line %d)", r.File, r.Line)}
	if !filepath.IsAbs(it.Path) {
		it.Path = filepath.Join(dir, it.Path)
	}
	it.Path = filepath.Clean(it.Path)
	if t.HasSplit {
		s, ok := o.Splits.parse(r.Split)
		if !ok {
			return it, &DataError{
				What: fmt.Sprintf("%s line %d: split %q, want one of %s", name, r.Line, r.Split, o.Splits.all()),
				Hint: "correct the split column, or leave the whole column out to have a split made",
			}
		}
		it.Split = s
	}
	for i, g := range t.Groups {
		if it.Groups == nil {
			it.Groups = make(map[string]string, len(t.Groups))
		}
		it.Groups[g] = r.Groups[i]
	}
	return it, nil
}
