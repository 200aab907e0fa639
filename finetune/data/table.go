package data

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// scanTable lists the recordings of a CSV file and sees that each exists.
func scanTable(file string, o Options) (*Set, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &DataError{What: fmt.Sprintf("cannot read the table: %v", err)}
	}
	defer f.Close()
	name := filepath.Base(file)
	t, err := readCSV(f, name)
	if err != nil {
		return nil, err
	}
	set := &Set{GroupNames: t.Groups, SplitHere: !t.HasSplit}
	var missing []string
	labels := map[string]row{} // by path: its first row
	for _, r := range t.Rows {
		it, err := r.item(filepath.Dir(file), name, t, o)
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
			What:  fmt.Sprintf("%d of %s in %s cannot be found", len(missing), plural(len(t.Rows), "recording", "recordings"), name),
			Hint:  "paths in the file column are relative to the folder of the CSV file",
			Files: missing,
		}
	}
	return set, nil
}

// checkPath refuses a path that does not lie below the table's folder by its
// name. Where a link there leads is its owner's business.
func (r row) checkPath(name string) error {
	drive := len(r.File) > 1 && r.File[1] == ':'
	local := filepath.FromSlash(r.File)
	what := ""
	switch {
	case path.IsAbs(r.File) || filepath.IsAbs(local) || drive || strings.HasPrefix(r.File, `\\`):
		what = "is absolute"
	case !filepath.IsLocal(local):
		what = "leaves the folder of the table"
	default:
		return nil
	}
	return &DataError{
		What: fmt.Sprintf("%s line %d: the path %q %s, want one relative to the table's folder and below it", name, r.Line, r.File, what),
		Hint: "put the recordings, or a link to their folder, beside the table and name them relative to it",
	}
}

// item resolves a row's path and split.
func (r row) item(dir, name string, t *table, o Options) (Item, error) {
	if err := r.checkPath(name); err != nil {
		return Item{}, err
	}
	it := Item{File: r.File, Path: filepath.Join(dir, filepath.FromSlash(r.File)), label: r.Label, place: fmt.Sprintf("%s (line %d)", r.File, r.Line)}
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
