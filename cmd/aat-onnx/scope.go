package main

import (
	"strconv"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
)

// parseScope reads which blocks are meant: numbers and ranges with commas between,
// each with a rank of its own behind a colon if wanted, or last and a number.
func parseScope(text string) (adapterinject.Scope, error) {
	s := adapterinject.Scope{}
	if text == "" {
		return s, nil
	}
	bad := usage("--blocks "+text+" does not say which blocks", "write 0,3-5 or last4, and 3:16 for a block with a rank of its own")
	if n, ok := strings.CutPrefix(text, "last"); ok {
		last, err := strconv.Atoi(n)
		if err != nil || last < 1 {
			return s, bad
		}
		s.Last = last
		return s, nil
	}
	for _, part := range strings.Split(text, ",") {
		span, rank, ranked := strings.Cut(part, ":")
		from, to, isSpan := strings.Cut(span, "-")
		if !isSpan {
			to = from
		}
		lo, errLo := strconv.Atoi(from)
		hi, errHi := strconv.Atoi(to)
		if errLo != nil || errHi != nil || lo < 0 || hi < lo || hi-lo > maxBlocks {
			return s, bad
		}
		for i := lo; i <= hi; i++ {
			s.Blocks = append(s.Blocks, i)
			if !ranked {
				continue
			}
			r, err := strconv.ParseFloat(rank, 64)
			if err != nil {
				return s, bad
			}
			if s.Ranks == nil {
				s.Ranks = map[int]float64{}
			}
			s.Ranks[i] = r
		}
	}
	return s, nil
}

// maxBlocks bounds a range of blocks: no model has more.
const maxBlocks = 10_000
