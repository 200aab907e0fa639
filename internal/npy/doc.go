// Package npy reads and writes numpy's files: one array (.npy) and archives of
// arrays by name (.npz).
//
// First calls: [ReadFile] for an array, [WriteArchive] for an archive that
// numpy.load reads:
//
//	a, err := npy.ReadFile("x.npy")
//	err = npy.WriteArchive(w, []npy.Named{{"y", a}})
//
// It takes booleans, integers, floats, complex numbers and void types such as
// ml_dtypes' bfloat16 (V2), in either byte order and in C or Fortran order, and
// gives little-endian data in C order. It refuses objects, strings, dates and
// structures, and data that does not fit its shape.
package npy
