//go:build !linux

package platform

import (
	"context"
	"errors"
)

// nodeConfig configures nothing: a node with containers needs Linux.
type nodeConfig struct{}

// Clean does nothing.
func (nodeConfig) Clean() error { return nil }

var errNotLinux = errors.New("a local platform is impossible here, because this machine does not run Linux: use PLATFORM=embedded")

func runNode(_, _ string) error { return errNotLinux }

func (Options) unable() string { return "this machine does not run Linux" }

func (Options) upLocal(context.Context) (*Platform, error) { return nil, errNotLinux }
