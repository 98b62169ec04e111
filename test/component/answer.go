package component

import "net/http"

// SetAnswer has calls answered, in place of their server, by the handler that answer
// returns for them, if it returns one, until SetAnswer is called again. With nil, all
// calls are forwarded.
func (p *Proxy) SetAnswer(answer func(Call) http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.answer = answer
}

func (p *Proxy) answerOf(c Call) http.Handler {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.answer == nil {
		return nil
	}

	return p.answer(c)
}
