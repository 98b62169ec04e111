package platform

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// A step is something that takes a moment, and the person who waits should know of.
type step struct {
	title string
	do    func(ctx context.Context) error
}

// together runs steps at the same time and writes a line for each when it is
// done. The first failure ends the others.
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
