package data

import (
	"crypto/sha256"
	"fmt"
)

// check looks at the set as a whole: splits that are needed, content that
// stands twice. Recordings that are only measured need no split.
func (s *Set) check(path string, measure bool) error {
	if !measure {
		if err := s.checkSplits(path); err != nil {
			return err
		}
	}
	s.checkDoubles()
	return nil
}

// checkSplits demands what a training needs and notes what it lacks.
func (s *Set) checkSplits(path string) error {
	var counts [3]int
	perLabel := map[Split]map[int]int{Train: {}, Val: {}, Test: {}}
	for _, it := range s.Items {
		counts[it.Split]++
		perLabel[it.Split][it.Label]++
	}
	for _, split := range []Split{Train, Val} {
		if counts[split] > 0 {
			continue
		}
		if s.SplitHere {
			return s.tooSmall(path)
		}
		return &DataError{
			What: fmt.Sprintf("the %s split of %s is empty: got %d train, %d val, %d test", split, path, counts[Train], counts[Val], counts[Test]),
			Hint: "name at least one recording for each of train and val, or name no splits at all to have them made",
		}
	}
	if len(perLabel[Train]) < 2 {
		return &DataError{
			What: fmt.Sprintf("the train split of %s has one label only; a classifier needs at least two", path),
			Hint: "give each label recordings to train on",
		}
	}
	if counts[Test] == 0 {
		s.warn(Absent, "there is no test split: the result will hold validation numbers only", nil)
	}
	for k, l := range s.Labels {
		if perLabel[Train][k] == 0 && perLabel[Val][k]+perLabel[Test][k] > 0 {
			s.warn(Absent, fmt.Sprintf("label %q has recordings to measure but none to train on", l), nil)
		}
	}
	return nil
}

// perSplit is how many recordings, or groups of them, a label needs so that deal
// gives it one in each split; see share.
const perSplit = 3

// tooSmall says what each label lacks for splits to be made here.
func (s *Set) tooSmall(path string) error {
	counts := make([]int, len(s.Labels))
	for _, it := range s.Items {
		counts[it.Label]++
	}
	var have []string
	for k, l := range s.Labels {
		have = append(have, fmt.Sprintf("%q has %d", l, counts[k]))
	}
	return &DataError{
		What: fmt.Sprintf("%s is too small to split: each label needs at least %d recordings (where they are grouped, of as many groups), one each for train, val and test%s", path, perSplit, list(have)),
		Hint: "add recordings, or name the splits yourself: train, val and test folders, or a CSV file with a split column",
	}
}

// checkDoubles reports equal content in two splits (which makes the measured
// numbers too good) or twice in one.
func (s *Set) checkDoubles() {
	first := map[[sha256.Size]byte]int{}
	var leaks, repeats []string
	for i, it := range s.Items {
		j, seen := first[it.Digest]
		if !seen {
			first[it.Digest] = i
			continue
		}
		other := s.Items[j]
		if other.Split != it.Split {
			leaks = append(leaks, fmt.Sprintf("%s (%s) = %s (%s)", other.File, other.Split, it.File, it.Split))
			continue
		}
		repeats = append(repeats, fmt.Sprintf("%s = %s (%s)", other.File, it.File, it.Split))
	}
	if len(leaks) > 0 {
		s.warn(Leak, plural(len(leaks), "recording stands", "recordings stand")+" in two splits with the same content, so the measured accuracy is too good", leaks)
	}
	if len(repeats) > 0 {
		s.warn(Repeated, plural(len(repeats), "recording repeats", "recordings repeat")+" the content of another one in the same split", repeats)
	}
}
