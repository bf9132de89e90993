package statuspage

import "agentctl/agent/words"

// Measures of the picture, in its own units; it is as wide as the page.
const (
	rowHeight = 46
	boxHeight = 38
	hereRight = 200 // right edge of the instance's box
	wayLeft   = 290
	wayRight  = 560
	endLeft   = 650
	netWidth  = 1000
)

// picture draws the network as agentctl sees it, and says the same as a list: for
// small screens, and out of sight for those who have pictures read to them.
func (w *writer) picture(v View) {
	net := network(v)
	if len(net) == 0 {
		return
	}
	rows := 0
	for _, y := range net {
		rows += y.rows()
	}
	height := rows*rowHeight + 10
	middle := height / 2
	w.raw("<section class=\"net\" aria-labelledby=\"net\">\n<h2 id=\"net\">The network, as seen from here</h2>\n")
	w.raw("<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" aria-hidden=\"true\">\n", netWidth, height, netWidth, height)
	row := 0
	for _, y := range net {
		top := row*rowHeight + 5
		center := top + y.rows()*rowHeight/2 - 4
		w.line(y.look, hereRight, middle, wayLeft, center)
		w.box(wayLeft, wayRight, center, y.look, y.title, y.detail)
		for i, e := range y.ends {
			at := top + i*rowHeight + boxHeight/2
			l := e.look
			if y.lost {
				l = aside // nothing came as far as here
			}
			w.line(l, wayRight, center, endLeft, at)
			w.box(endLeft, netWidth-5, at, e.look, words.ListFirst(e.names, 2), first(e.detail, e.look.word))
		}
		row += y.rows()
	}
	i := v.Report.Instance
	w.box(5, hereRight, middle, look{}, first(i.ID, "this machine"), first(i.SubnetID, i.Region))
	w.raw("</svg>\n")
	w.list(net)
	w.raw("</section>\n")
}

// line draws the way from one box to the next.
func (w *writer) line(l look, x1, y1, x2, y2 int) {
	bend := (x2 - x1) / 2
	w.raw("<path class=\"%s\" d=\"M%d %dC%d %d %d %d %d %d\"/>", l.class, x1, y1, x1+bend, y1, x2-bend, y2, x2, y2)
}

// box draws one place, with its sign where it has a look.
func (w *writer) box(left, right, center int, l look, title, detail string) {
	x := left + 12
	w.raw("<rect class=\"box %s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>", l.class, left, center-boxHeight/2, right-left, boxHeight)
	if l.sign != "" {
		w.raw("<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>", l.class, x, center+5, l.sign)
		x += 20
	}
	base := center - 2
	if detail == "" {
		base = center + 5
	}
	// 8 and 7 units a character, as wide fonts have it.
	w.raw("<text x=\"%d\" y=\"%d\">", x, base)
	w.text(words.Fit(words.Clean(title), (right-x-6)/8, "…"))
	w.raw("</text>")
	if detail != "" {
		w.raw("<text class=\"small\" x=\"%d\" y=\"%d\">", x, center+13)
		w.text(words.Fit(words.Clean(detail), (right-x-6)/7, "…"))
		w.raw("</text>")
	}
	w.raw("\n")
}

// list says in words what the picture shows.
func (w *writer) list(net []way) {
	w.raw("<ul class=\"netlist\">\n")
	item := func(l look, title, detail string) {
		w.raw("<li><span class=\"%s\">%s %s</span> ", l.class, l.sign, l.word)
		w.text(title)
		w.raw(" <span class=\"dim\">")
		w.text(detail)
		w.raw("</span></li>\n")
	}
	for _, y := range net {
		if len(y.ends) == 0 {
			item(y.look, y.title, y.detail)
		}
		for _, e := range y.ends {
			way := y.title
			if y.detail != "" {
				way += " " + y.detail
			}
			if e.detail != "" {
				way += ": " + e.detail
			}
			item(e.look, words.ListFirst(e.names, 3), way)
		}
	}
	w.raw("</ul>\n")
}
