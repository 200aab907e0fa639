package main

import (
	"strings"
	"testing"
)

func sample() entry {
	yes := true
	return entry{truth: truth{Family: "f", Variant: "v", Float: true, Blocks: []truthBlock{{
		PreNorm: &yes, Heads: 4, Width: 48, MLP: true, Q: []string{"q", "q2"}, K: []string{"k"}, V: []string{"v"}, O: []string{"o"},
		FC1: []string{"f1"}, FC2: nil, Residual: [2][]string{{"r0"}, {"r1"}}, Softmax: []string{"s"},
	}}}}
}

func rightBlock() foundBlock {
	yes := true
	b := foundBlock{PreNorm: &yes, Heads: 4, Width: 48, Softmax: "s", Residual: []string{"r0", "r1"}}
	b.Attention.Q, b.Attention.K, b.Attention.V, b.Attention.O = "q2", "k", "v", "o"
	b.MLP.FC1 = "f1"
	return b
}

func TestScoreDetection(t *testing.T) {
	change := func(f func(*foundBlock)) []foundBlock {
		b := rightBlock()
		f(&b)
		return []foundBlock{b}
	}
	other := foundBlock{}
	other.Attention.O = "elsewhere"
	for _, c := range []struct {
		name          string
		blocks        []foundBlock
		right, wrong  int
		miss, details string
	}{
		{"all right", []foundBlock{rightBlock()}, 1, 0, "", ""},
		{"unscored role is free", change(func(b *foundBlock) { b.MLP.FC2 = "whatever" }), 1, 0, "", ""},
		{"wrong value", change(func(b *foundBlock) { b.Attention.V = "k" }), 0, 0, `v is "k", want ["v"]`, ""},
		{"missing residual", change(func(b *foundBlock) { b.Residual = b.Residual[:1] }), 0, 0, `residual[1] is ""`, ""},
		{"nothing", nil, 0, 0, "not found", ""},
		{"elsewhere", []foundBlock{other}, 0, 1, "false block: o = elsewhere", ""},
		{"one too many", []foundBlock{other, rightBlock()}, 1, 1, "false block", ""},
		{"heads", change(func(b *foundBlock) { b.Heads = 0 }), 1, 0, "", "heads 0, want 4"},
		{"softmax", change(func(b *foundBlock) { b.Softmax = "t" }), 1, 0, "", `softmax "t"`},
		{"pre_norm", change(func(b *foundBlock) { b.PreNorm = nil }), 1, 0, "", "pre_norm, want true"},
	} {
		d := scoreDetection(sample(), found{Blocks: c.blocks})
		if d.Right != c.right || d.False != c.wrong {
			t.Errorf("%s: %d right and %d false, want %d and %d", c.name, d.Right, d.False, c.right, c.wrong)
		}
		if got := strings.Join(d.Misses, "\n"); !strings.Contains(got, c.miss) || (c.miss == "") != (got == "") {
			t.Errorf("%s: misses %q, want %q", c.name, got, c.miss)
		}
		if got := strings.Join(d.Details, "\n"); !strings.Contains(got, c.details) || (c.details == "") != (got == "") {
			t.Errorf("%s: details %q, want %q", c.name, got, c.details)
		}
	}
}

func TestReasonsAreToldOnce(t *testing.T) {
	m := []miss{{"a", "Softmax", "mlp", "none"}, {"b", "Softmax", "mlp", "none"}, {"c", "Softmax", "query", "none"}}
	if got := reasons(m); len(got) != 2 {
		t.Errorf("%d reasons, want 2: %q", len(got), got)
	}
}

func TestReportCountsClasses(t *testing.T) {
	e := sample()
	s := &scores{entries: []entry{e}, Detection: []detection{scoreDetection(e, found{Blocks: []foundBlock{rightBlock()}})}}
	for _, want := range []string{
		"| float | 1 | 1 | 1 of 1 | 100.0 % | 0 |", "| transformed | 0 | 0 | 0 of 0 | – | 0 |", "None.",
	} {
		if text := s.markdown(false); !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}
