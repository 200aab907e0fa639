package importer

import "slices"

// basicOps are the families of operators on single elements, places and orders
// that are not listed by themselves.
func basicOps() []operator {
	return slices.Concat(legacyOps(), signOps(), trigonometryOps(), bitOps(), maskOps(),
		padOps(), scatterOps(), orderOps(), cumulateOps(), compressOps())
}
