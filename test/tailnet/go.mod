module tailnet

go 1.26.6

require (
	github.com/juanfont/headscale v0.29.0
	tailscale.com v1.102.3
)
