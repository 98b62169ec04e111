//go:build !linux

package process

import "golang.org/x/sys/unix"

func attributes() *unix.SysProcAttr { return nil }
