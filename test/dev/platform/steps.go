package platform

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// step is a step of Up that is shown as a line of progress.
type step struct {
	title string
	do    func(ctx context.Context) error
}

// together runs steps concurrently, and writes a line for each one that is done.
// The first failure cancels the others.
func together(ctx context.Context, out io.Writer, steps ...step) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range steps {
		g.Go(func() error {
			start := time.Now()

			if err := s.do(ctx); err != nil {
				return err
			}

			fmt.Fprintf(out, "  %-52s %.1fs\n", s.title, time.Since(start).Seconds())

			return nil
		})
	}

	return g.Wait()
}
