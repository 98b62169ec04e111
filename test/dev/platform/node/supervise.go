package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// supervise runs a component, and starts it again when it ends. So a component
// that a test kills comes back as it does on a production node.
func supervise(ctx context.Context, name string, env, argv []string) {
	log, err := os.OpenFile(filepath.Join(innerLog, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s has no log: %v\n", name, err)

		return
	}
	defer log.Close()

	for ctx.Err() == nil {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.Env = log, log, env
		err := cmd.Run()
		fmt.Fprintf(os.Stderr, "%s %s ended: %v\n", time.Now().Format(time.RFC3339), name, err)
		time.Sleep(500 * time.Millisecond) // do not restart a failing component in a tight loop
	}
}
