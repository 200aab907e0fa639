package opschema

// Release says which versions of the IR and of the operator sets a release of
// ONNX brought.
type Release struct {
	Version  string // of the onnx package
	IR       int64
	Opset    int64 // ai.onnx
	ML       int64 // ai.onnx.ml
	Training int64 // ai.onnx.preview.training; 0 before it had one
}

// Releases gives the published releases, oldest first.
func Releases() []Release { return table().releases }

// LatestIR is the newest IR version in the table.
func LatestIR() int64 {
	all := Releases()
	return all[len(all)-1].IR
}

// MinIR is the least IR version whose release knows a domain's operator set
// version; ok is false for a version or domain that no release has.
func MinIR(domain string, opset int64) (ir int64, ok bool) {
	for _, r := range Releases() {
		if r.opset(domain) == opset && opset > 0 {
			return r.IR, true
		}
	}
	return 0, false
}

func (r Release) opset(domain string) int64 {
	switch Canonical(domain) {
	case "":
		return r.Opset
	case "ai.onnx.ml":
		return r.ML
	case "ai.onnx.preview.training":
		return r.Training
	}
	return 0
}
