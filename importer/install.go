package importer

import (
	"fmt"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// installers is how many tensors are read at once: one alone leaves a second
// processor idle while the first makes and fills pages.
const installers = 2

// Install creates one variable in store per initialiser that the graph reads as
// data, with its trainable flag set (GoMLX's default would train them all), and one
// per large constant in bodies and Constant nodes, which is frozen.
// The variable's path is VariablePath of the initialiser's name. It refuses a
// store in which one of these variables exists already.
func (p *Program) Install(store *model.Store) error { return p.InstallOn(store, nil) }

// InstallOn is [Program.Install] with the values put on the backend's first device at
// once, where they stay; no other copy of them is made. A nil backend leaves them
// on the host until they are first used. After an error the store may hold some.
func (p *Program) InstallOn(store *model.Store, backend compute.Backend) error {
	list := p.installs(backend)
	for _, i := range list {
		if store.GetVariable(i.path) != nil {
			return fmt.Errorf("install %s: the store has variable %q already; use a store of its own for each program", i.what, i.path)
		}
	}
	fill(list)
	for n, i := range list {
		err := i.err
		if err == nil {
			err = i.add(store)
		}
		if err != nil {
			for _, rest := range list[n:] {
				if rest.tensor != nil {
					_ = rest.tensor.FinalizeAll() // the first error is the one to tell
				}
			}
			return fmt.Errorf("install %s: %w", i.what, err)
		}
	}
	return nil
}

// anInstall is a variable to be.
type anInstall struct {
	what, path string
	trainable  bool
	read       func() (*tensors.Tensor, error)
	tensor     *tensors.Tensor
	err        error
}

// installs lists the variables in file order, without their values.
func (p *Program) installs(backend compute.Backend) []*anInstall {
	var list []*anInstall
	for _, v := range p.params {
		list = append(list, &anInstall{
			what: fmt.Sprintf("initialiser %q", v.Name()), path: VariablePath(v.Name()), trainable: p.trainable[v.Name()],
			read: func() (*tensors.Tensor, error) { return p.paramTensor(v, backend) },
		})
	}
	for _, in := range p.inners {
		list = append(list, &anInstall{
			what: fmt.Sprintf("a constant of %d elements", in.tensor.Len()), path: in.path,
			read: func() (*tensors.Tensor, error) { return paramTensor(in.tensor, backend) },
		})
	}
	return list
}

// fill reads all values, some at once. A panic of a backend is an error of its tensor.
func fill(list []*anInstall) {
	next := make(chan *anInstall)
	var done sync.WaitGroup
	for range installers {
		done.Go(func() {
			for i := range next {
				i.err = Guard("read it", func() (err error) {
					i.tensor, err = i.read()
					return err
				})
			}
		})
	}
	for _, i := range list {
		next <- i
	}
	close(next)
	done.Wait()
}

// add makes the variable.
func (i *anInstall) add(store *model.Store) error {
	variable, err := store.CreateVariable(i.path, i.tensor)
	if err == nil {
		variable.SetTrainable(i.trainable)
	}
	return err
}
