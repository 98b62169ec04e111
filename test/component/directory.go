package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

// StartDirectory starts an LDAP server, GLAuth, and returns its address. config returns
// GLAuth's configuration for the address to listen on.
func (e *Env) StartDirectory(ctx context.Context, config func(listen string) string) (string, error) {
	programs, err := tools.Build(ctx, io.Discard, "glauth")
	if err != nil {
		return "", err
	}

	address, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		return "", err
	}

	file := filepath.Join(e.dir, "directory.cfg")
	if err := os.WriteFile(file, []byte(config(address)), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the directory's configuration: %w", err)
	}

	p, err := e.run("directory", nil, programs["glauth"], "-c", file)
	if err != nil {
		return "", err
	}

	return address, await.Until(ctx, "the directory to be ready", func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			err = conn.Close()
		}

		return errors.Join(p.Ended(), err)
	})
}
