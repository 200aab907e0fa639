package conformance

// reason says why the tests of an operator are refused.
type reason struct{ op, why string }

// reasons names every operator that stays out, by the name that the refusal
// gives, or that of the folder's operator.
var reasons = []reason{}

// Reason gives why a test may be refused; "" means that it must not be.
func Reason(r Result) string {
	for _, x := range reasons {
		if x.op == r.Refuser || x.op == r.Op {
			return x.why
		}
	}
	return ""
}
