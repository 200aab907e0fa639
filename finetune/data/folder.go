package data

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// extensions are the file names taken for audio. The content decides later what
// a file really is; this list only keeps notes and pictures out of the count.
func extensions() []string {
	return []string{".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".aif", ".aiff", ".au", ".mp3", ".ogg", ".opus", ".m4a", ".wma"}
}

func isAudio(name string) bool {
	return slices.Contains(extensions(), strings.ToLower(filepath.Ext(name)))
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") }

// scanFolder lists the recordings of a folder of labels, or of a folder of
// splits that hold the labels.
func scanFolder(root string, o Options) (*Set, error) {
	subs, loose, err := children(root)
	if err != nil {
		return nil, err
	}
	set := &Set{SplitHere: true}
	if bySplit, ok, err := splitFolders(root, subs, o); err != nil {
		return nil, err
	} else if ok {
		set.SplitHere = false
		for _, s := range Splits() {
			for _, name := range bySplit[s] {
				if err := set.addSplit(root, name, s, &loose); err != nil {
					return nil, err
				}
			}
		}
	} else if err := set.addLabels(root, "", subs, Train); err != nil {
		return nil, err
	}
	if len(set.Items) == 0 {
		return nil, noAudio(root, loose)
	}
	if len(loose) > 0 {
		set.warn(Unlabeled, plural(len(loose), "audio file lies outside every label folder and was ignored", "audio files lie outside every label folder and were ignored"), loose)
	}
	return set, nil
}

func noAudio(root string, loose []string) error {
	e := &DataError{
		What: fmt.Sprintf("no audio files in label folders below %s", root),
		Hint: "put the recordings, WAV or FLAC files, into one sub-folder for each label",
	}
	if len(loose) > 0 {
		e.What = fmt.Sprintf("%s in %s itself, but none in a label folder below it", plural(len(loose), "audio file lies", "audio files lie"), root)
		e.Files = loose
	}
	return e
}

// splitFolders says whether every sub-folder is named like a split and holds
// folders itself. A folder with the labels "train", "bus" and "car" is not.
func splitFolders(root string, subs []string, o Options) (map[Split][]string, bool, error) {
	found := map[Split][]string{}
	for _, name := range subs {
		s, ok := o.Splits.parse(name)
		if !ok {
			return nil, false, nil
		}
		deeper, files, err := children(filepath.Join(root, name))
		if err != nil {
			return nil, false, err
		}
		if len(deeper) == 0 && len(files) > 0 {
			return nil, false, nil
		}
		found[s] = append(found[s], name)
	}
	return found, len(subs) > 0, nil
}

func (s *Set) addSplit(root, name string, split Split, loose *[]string) error {
	labels, files, err := children(filepath.Join(root, name))
	if err != nil {
		return err
	}
	for _, f := range files {
		*loose = append(*loose, name+"/"+f)
	}
	before := len(s.Items)
	if err := s.addLabels(root, name, labels, split); err != nil {
		return err
	}
	if len(s.Items) == before {
		return &DataError{What: fmt.Sprintf("the %s split is empty: no audio files in label folders below %s", split, filepath.Join(root, name))}
	}
	return nil
}

// addLabels adds every audio file below each label folder of root/base.
func (s *Set) addLabels(root, base string, labels []string, split Split) error {
	for _, label := range labels {
		top := filepath.Join(root, base, label)
		// A label folder may be a symbolic link; WalkDir does not enter one.
		real, err := filepath.EvalSymlinks(top)
		if err != nil {
			return &DataError{What: fmt.Sprintf("cannot read the folder of label %q: %v", label, err)}
		}
		err = filepath.WalkDir(real, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path != real && isHidden(d.Name()) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if d.IsDir() || !isAudio(d.Name()) {
				return nil
			}
			rel, err := filepath.Rel(real, path)
			if err != nil {
				return err
			}
			file := filepath.ToSlash(filepath.Join(base, label, rel))
			s.Items = append(s.Items, Item{File: file, Path: path, Split: split, label: label, place: file})
			return nil
		})
		if err != nil {
			return &DataError{What: fmt.Sprintf("cannot read the folder of label %q: %v", label, err)}
		}
	}
	return nil
}

// children gives the visible sub-folders and audio files of a folder, by name.
func children(dir string) (folders, audioFiles []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, &DataError{What: fmt.Sprintf("cannot read the recordings: %v", err)}
	}
	for _, e := range entries {
		if isHidden(e.Name()) {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, e.Name())) // follows a link
		switch {
		case err != nil:
			continue // a dangling link names nothing to read
		case info.IsDir():
			folders = append(folders, e.Name())
		case isAudio(e.Name()):
			audioFiles = append(audioFiles, e.Name())
		}
	}
	return folders, audioFiles, nil
}
