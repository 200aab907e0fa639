//go:build unix

package graphsurgery

import "golang.org/x/sys/unix"

// holds says that the system lets an open file be replaced.
const holds = true

// scratch gives n bytes of zeros, of which only the pages that are written to take
// memory, and a function that gives them back.
func scratch(n int) (data []byte, free func(), err error) {
	data, err = unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	noHugePages(data)
	return data, func() { _ = unix.Munmap(data) }, nil
}
