package data

import (
	"math/bits"
	"math/rand/v2"
)

// Batch is one step's input. Its slices are owned by the caller.
type Batch struct {
	Items    []int     // index into the batcher's items of each real row
	Features []float32 // [size, features of one item], row-major
	Labels   []int32   // [size]
	Mask     []float32 // [size]: 1 for a real row, 0 for padding
}

// Batcher gives the batches of each epoch. Batch i of epoch e depends on the
// items, the size, the seed, e and i only, so (e, i) is a complete position in
// the data: a training that stopped there continues with the same batches.
//
// The last batch of an epoch is padded to the full size with repeats of its own
// first item, whose mask is 0: a repeat keeps padded rows finite.
type Batcher struct {
	items   []Item
	size    int
	seed    uint64
	shuffle bool
	epoch   int
	order   []int
}

// NewBatcher gives batches of size items, in a seeded order of its own in each epoch.
func NewBatcher(items []Item, size int, seed uint64) *Batcher {
	return &Batcher{items: items, size: size, seed: seed, shuffle: true, epoch: -1}
}

// NewSequence gives batches of size items in the given order, as evaluation wants it.
func NewSequence(items []Item, size int) *Batcher {
	return &Batcher{items: items, size: size, epoch: -1}
}

// Len is the number of batches in an epoch.
func (b *Batcher) Len() int { return (len(b.items) + b.size - 1) / b.size }

// Batch gives batch index of epoch, both from 0. It panics where index is not
// below Len.
func (b *Batcher) Batch(epoch, index int) Batch {
	order := b.orderOf(epoch)
	from := index * b.size
	picked := order[from:min(from+b.size, len(order))]
	width := len(b.items[picked[0]].Features)
	batch := Batch{
		Items:    append([]int(nil), picked...),
		Features: make([]float32, b.size*width),
		Labels:   make([]int32, b.size),
		Mask:     make([]float32, b.size),
	}
	for r := range b.size {
		item := b.items[picked[0]]
		if r < len(picked) {
			item = b.items[picked[r]]
			batch.Mask[r] = 1
		}
		batch.Labels[r] = int32(item.Label)
		copy(batch.Features[r*width:(r+1)*width], item.Features)
	}
	return batch
}

func (b *Batcher) orderOf(epoch int) []int {
	if b.order != nil && (b.epoch == epoch || !b.shuffle) {
		return b.order
	}
	if b.shuffle {
		b.order = permutation(len(b.items), rand.NewPCG(b.seed, uint64(epoch)))
	} else {
		b.order = make([]int, len(b.items))
		for i := range b.order {
			b.order[i] = i
		}
	}
	b.epoch = epoch
	return b.order
}

// permutation is Fisher and Yates' shuffle of 0…n-1. It is spelled out, rather
// than taken from math/rand, because stored runs depend on its exact order. The
// multiply-high index has a bias below n/2^64.
func permutation(n int, src rand.Source) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		hi, _ := bits.Mul64(src.Uint64(), uint64(i+1))
		j := int(hi)
		p[i], p[j] = p[j], p[i]
	}
	return p
}
