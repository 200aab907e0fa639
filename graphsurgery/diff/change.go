package diff

import (
	"fmt"
	"strings"
)

// What sorts changes.
type What string

// The kinds of change.
const (
	NodeAdded     What = "node added"
	NodeRemoved   What = "node removed"
	NodeChanged   What = "node changed" // operator or attribute
	NodeRenamed   What = "node renamed"
	ValueRenamed  What = "value renamed"
	EdgeRewired   What = "edge rewired" // a matched node reads, or an output gives, another value
	TensorAdded   What = "tensor added"
	TensorRemoved What = "tensor removed"
	TensorChanged What = "tensor changed" // type, shape or elements
	TensorRenamed What = "tensor renamed"
	InputAdded    What = "input added"
	InputRemoved  What = "input removed"
	OutputAdded   What = "output added"
	OutputRemoved What = "output removed"
	TypeChanged   What = "type changed" // the declared type of a value
	OpsetChanged  What = "opset changed"
	FieldChanged  What = "field changed" // ir_version, producer, order of inputs or outputs
	MetadataSet   What = "metadata changed"
	FuncChanged   What = "function changed"
)

// Change is one difference. From is empty for what was added, To for what was
// removed.
type Change struct {
	What  What   `json:"what"`
	Graph string `json:"graph,omitempty"` // of a subgraph: node/attribute; "" is the main one
	Name  string `json:"name"`            // of the node (its label), value, tensor, key or domain
	Field string `json:"field,omitempty"` // attribute, or "input 1"
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Count int64  `json:"count,omitempty"` // elements of an added or removed tensor
}

// String is one line: + added, - removed, ~ changed, = renamed.
func (c Change) String() string {
	mark, what := "~", strings.Fields(string(c.What))
	switch what[1] {
	case "added":
		mark = "+"
	case "removed":
		mark = "-"
	case "renamed":
		mark = "="
	}
	s := mark + " " + what[0] + " "
	if c.Graph != "" {
		s += "in " + c.Graph + ": "
	}
	s += fmt.Sprintf("%q", c.Name)
	if c.Field != "" {
		s += " " + c.Field
	}
	switch mark {
	case "+":
		return s + " " + c.To
	case "-":
		return s + " " + c.From
	}
	return s + ": " + orNone(c.From) + " → " + orNone(c.To)
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// Diff is what Compare found, the main graph first, in the order of the models.
type Diff struct {
	Changes []Change `json:"changes"`
}

// Empty reports whether nothing differs.
func (d Diff) Empty() bool { return len(d.Changes) == 0 }

// Of gives the changes of some kinds.
func (d Diff) Of(kinds ...What) []Change {
	var out []Change
	for _, c := range d.Changes {
		for _, k := range kinds {
			if c.What == k {
				out = append(out, c)
			}
		}
	}
	return out
}

// Parameters is the number of elements of the tensors added, less those removed.
func (d Diff) Parameters() int64 {
	var n int64
	for _, c := range d.Changes {
		switch c.What {
		case TensorAdded:
			n += c.Count
		case TensorRemoved:
			n -= c.Count
		}
	}
	return n
}

// String is one line a change, and a last one that counts them.
func (d Diff) String() string {
	var b strings.Builder
	for _, c := range d.Changes {
		fmt.Fprintln(&b, c)
	}
	fmt.Fprintln(&b, d.Summary())
	return b.String()
}

// Summary counts the changes of each kind: "3 nodes added, 1 edge rewired".
func (d Diff) Summary() string {
	var order []What
	count := map[What]int{}
	for _, c := range d.Changes {
		if count[c.What]++; count[c.What] == 1 {
			order = append(order, c.What)
		}
	}
	if len(order) == 0 {
		return "no difference"
	}
	parts := make([]string, len(order))
	for i, w := range order {
		noun, verb, _ := strings.Cut(string(w), " ")
		if count[w] > 1 && noun != "metadata" {
			noun += "s"
		}
		parts[i] = fmt.Sprintf("%d %s %s", count[w], noun, verb)
	}
	return strings.Join(parts, ", ")
}
