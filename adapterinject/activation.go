package adapterinject

// The activations of an MLP that matter to the adapters. Others are named too
// where package pattern knows them; one that is elementwise but unknown is
// "other".
const (
	ActivationGELU     = "gelu"      // x·Φ(x), by erf
	ActivationGELUTanh = "gelu_tanh" // its tanh approximation
)
