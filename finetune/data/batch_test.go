package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func numbered(n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{Label: i % 3, Features: []float32{float32(i), float32(-i)}}
	}
	return items
}

func TestBatchesCoverAnEpochOnce(t *testing.T) {
	for _, n := range []int{1, 4, 7, 8, 9} {
		b := NewBatcher(numbered(n), 4, 5)
		if got, want := b.Len(), (n+3)/4; got != want {
			t.Errorf("%d items: %d batches, want %d", n, got, want)
		}
		for epoch := range 3 {
			var seen []int
			for i := range b.Len() {
				batch := b.Batch(epoch, i)
				seen = append(seen, batch.Items...)
				checkBatch(t, batch, 4)
			}
			slices.Sort(seen)
			for i, v := range seen {
				if i != v || len(seen) != n {
					t.Fatalf("epoch %d of %d items visits %v", epoch, n, seen)
				}
			}
		}
	}
}

// checkBatch sees that rows are the items', and padding repeats the first one.
func checkBatch(t *testing.T, b Batch, size int) {
	t.Helper()
	for r := range size {
		item, mask := b.Items[0], float32(0)
		if r < len(b.Items) {
			item, mask = b.Items[r], 1
		}
		if b.Mask[r] != mask || b.Labels[r] != int32(item%3) || b.Features[2*r] != float32(item) || b.Features[2*r+1] != float32(-item) {
			t.Fatalf("row %d of %+v is not item %d with mask %v", r, b, item, mask)
		}
	}
}

// A position (epoch, index) is enough to go on from: no earlier call matters.
func TestBatchDependsOnPositionOnly(t *testing.T) {
	a := NewBatcher(numbered(23), 4, 9)
	for epoch := range 3 {
		for i := range a.Len() {
			want := a.Batch(epoch, i)
			got := NewBatcher(numbered(23), 4, 9).Batch(epoch, i)
			if !slices.Equal(got.Items, want.Items) {
				t.Errorf("batch %d of epoch %d is %v from the start and %v alone", i, epoch, want.Items, got.Items)
			}
		}
	}
	if slices.Equal(a.Batch(0, 0).Items, a.Batch(1, 0).Items) && slices.Equal(a.Batch(0, 1).Items, a.Batch(1, 1).Items) {
		t.Error("two epochs have the same order")
	}
	other := NewBatcher(numbered(23), 4, 10)
	if slices.Equal(a.Batch(0, 0).Items, other.Batch(0, 0).Items) && slices.Equal(a.Batch(0, 1).Items, other.Batch(0, 1).Items) {
		t.Error("two seeds give the same order")
	}
}

func TestSequenceKeepsTheOrder(t *testing.T) {
	b := NewSequence(numbered(6), 4)
	if got, want := append(b.Batch(0, 0).Items, b.Batch(0, 1).Items...), []int{0, 1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// The order of a stored run must never change; these numbers pin it.
func TestPermutationIsPinned(t *testing.T) {
	got := permutation(10, rand.NewPCG(1, 2))
	if want := []int{2, 4, 3, 9, 0, 1, 8, 6, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("permutation %v, want %v: runs that were stored would continue with other batches", got, want)
	}
}

// Each place of a shuffled sequence is taken by each element about equally often:
// 60 000 shuffles of 6, expected 10 000 with a standard deviation of 91, so 500
// is more than five of them.
func TestPermutationIsUniform(t *testing.T) {
	src := rand.NewPCG(3, 4)
	var count [6][6]int
	for range 60000 {
		for place, element := range permutation(6, src) {
			count[place][element]++
		}
	}
	for place := range count {
		for element, n := range count[place] {
			if n < 9500 || n > 10500 {
				t.Errorf("element %d stands at place %d in %d of 60000 shuffles, want about 10000", element, place, n)
			}
		}
	}
}

func ExampleBatcher() {
	items := numbered(5)
	b := NewSequence(items, 3)
	for i := range b.Len() {
		batch := b.Batch(0, i)
		fmt.Println(batch.Items, batch.Labels, batch.Mask)
	}
	// Output:
	// [0 1 2] [0 1 2] [1 1 1]
	// [3 4] [0 1 0] [1 1 0]
}
