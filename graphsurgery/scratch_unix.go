//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package graphsurgery

import "syscall"

// holds says that the system lets an open file be replaced.
const holds = true

// scratch gives n bytes of zeros, of which only the pages that are written to take
// memory, and a function that gives them back.
func scratch(n int) (data []byte, free func(), err error) {
	data, err = syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	noHugePages(data)
	return data, func() { _ = syscall.Munmap(data) }, nil
}
