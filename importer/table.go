package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// newestOpset is the newest version of the default domain whose changes the
// table takes into account. A model above it is refused, because an operator
// may have changed its meaning since.
const newestOpset = 27

// opKey names one version of an operator. Domain "" is ai.onnx.
type opKey struct {
	Domain, Op string
	Since      int64
}

// operator is an entry of the table: how nodes of one operator version are
// checked and lowered.
type operator struct {
	key opKey
	// attrs lists the attributes that lower understands, separated by spaces.
	attrs string
	// minIn and maxIn bound the inputs, maxOut the outputs; maxIn < 0 is any number.
	minIn, maxIn, maxOut int
	// check says what of a node is valid but unsupported; "" means nothing. Nil
	// means that the attributes' names are all there is to check.
	check func(n *graphsurgery.Node) string
	// lower builds the outputs. It is not called for a node that is computed in
	// plain Go, see call.evaluate.
	lower func(c *call) []*wire
}

// table holds the versions of each operator, newest first.
type table map[opKey][]*operator // keys with Since = 0

// newTable collects the families.
func newTable() table {
	t := make(table)
	for _, family := range [][]operator{
		elementwiseOps(),
		legacyOps(),
		signOps(),
		trigonometryOps(),
		bitOps(),
		maskOps(),
		padOps(),
		scatterOps(),
		orderOps(),
		cumulateOps(),
		compressOps(),
		gramOps(),
		depthOps(),
		activationOps(),
		compareOps(),
		castOps(),
		constantOps(),
		shapeOps(),
		arrangeOps(),
		sliceOps(),
		indexOps(),
		reduceOps(),
		linearOps(),
		convOps(),
		poolOps(),
		resizeOps(),
		channelNormOps(),
		dropoutOps(),
		placeOps(),
		fourierOps(),
		sampleOps(),
		softmaxOps(),
		attentionOps(),
		layerNormOps(),
		rotaryOps(),
		lossOps(),
		recurrentOps(),
		linearAttentionOps(),
		einsumOps(),
		detOps(),
		quantizeOps(),
		qlinearOps(),
		microsoftOps(),
		msNormOps(),
		msAttentionOps(),
		msQuantOps(),
		onDataOps(),
		controlOps(),
		sequenceOps(),
	} {
		for _, op := range family {
			t.add(op)
		}
	}
	return t
}

// add files one entry.
func (t table) add(op operator) {
	name := opKey{Domain: op.key.Domain, Op: op.key.Op}
	t[name] = append(t[name], &op)
	slices.SortFunc(t[name], func(a, b *operator) int { return int(b.key.Since - a.key.Since) })
}

// find gives the entry for a node of a model with the given opset of the node's
// domain: the one with the greatest since-version that is not above the opset.
func (t table) find(n *graphsurgery.Node, opset int64) (*operator, error) {
	refuse := func(hint, format string, a ...any) error {
		return &graphsurgery.UnsupportedError{Node: n.Name(), Op: n.Op(), Domain: n.Domain(),
			Opset: opset, What: fmt.Sprintf(format, a...), Hint: hint}
	}
	versions := t[opKey{Domain: n.Domain(), Op: n.Op()}]
	if len(versions) == 0 {
		return nil, refuse("", "operator %s of domain %s is not supported", n.Op(), domainText(n.Domain()))
	}
	if n.Domain() == "" && opset > newestOpset {
		return nil, refuse("export the model with an older opset", "opset %d is newer than %d", opset, newestOpset)
	}
	for _, op := range versions {
		if op.key.Since > opset {
			continue
		}
		if what := op.mismatch(n); what != "" {
			return nil, refuse("", "%s", what)
		}
		if err := op.arity(n); err != nil {
			return nil, err
		}
		if err := conforms(n, opset); err != nil {
			return nil, err
		}
		return op, nil
	}
	oldest := versions[len(versions)-1].key.Since
	return nil, refuse("export the model with a newer opset", "operator %s at opset %d is older than version %d", n.Op(), opset, oldest)
}

// mismatch says which attribute of n the entry does not know.
func (op *operator) mismatch(n *graphsurgery.Node) string {
	known := strings.Fields(op.attrs)
	for _, name := range n.AttrNames() {
		if !slices.Contains(known, name) {
			return fmt.Sprintf("attribute %q of %s is not supported", name, n.Op())
		}
	}
	for i, in := range n.Inputs() {
		if op.maxIn >= 0 && i >= op.maxIn && in != nil {
			return fmt.Sprintf("input %d of %s is not supported", i, n.Op())
		}
	}
	for i, out := range n.Outputs() {
		if i >= op.maxOut && out != nil && (len(out.Uses()) > 0 || out.IsGraphOutput()) {
			return fmt.Sprintf("output %d of %s is not supported", i, n.Op())
		}
	}
	if op.check != nil {
		return op.check(n)
	}
	return ""
}

// arity refuses a node without the inputs it must have.
func (op *operator) arity(n *graphsurgery.Node) error {
	for i := range op.minIn {
		if n.Input(i) == nil {
			return &graphsurgery.FormatError{Node: n.Name(), Op: n.Op(),
				What: fmt.Sprintf("input %d of %s is missing", i, n.Op())}
		}
	}
	return nil
}

// domainText prints a domain; the default one has an empty name in files.
func domainText(domain string) string {
	if domain == "" {
		return "ai.onnx"
	}
	return domain
}

// onnx makes the key of an operator of the default domain.
func onnx(op string, since int64) opKey { return opKey{Op: op, Since: since} }
