package adapterinject

// The activations that adapters have. Those of a block's MLP may have other names:
// those that package pattern knows, and "other" for one that is elementwise but
// unknown.
const (
	ActivationGELU     = "gelu"      // x·Φ(x), by erf
	ActivationGELUTanh = "gelu_tanh" // its tanh approximation
	ActivationReLU     = "relu"
	ActivationSiLU     = "silu" // x·σ(x), also called Swish
)
