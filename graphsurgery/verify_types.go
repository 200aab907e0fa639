package graphsurgery

// types tests element types and shapes.
func (c *checker) types() {}
