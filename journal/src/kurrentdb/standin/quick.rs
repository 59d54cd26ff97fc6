//! A connection that acknowledges what it received at once.
//!
//! The client of today (1.2.0) does not set TCP_NODELAY: what it sends in two parts waits, each time, until the other side
//! acknowledges the first, which Linux does after 40 ms when there is nothing to answer. A database of its own must live with
//! that until the client's next release; tests need not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

pub(super) struct Quick(TcpStream);

impl Quick {
    pub(super) fn on(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        acknowledge(&socket)?;
        Ok(Self(socket))
    }
}

/// Holds until the system thinks otherwise, which it does after every few parts.
#[cfg(target_os = "linux")]
fn acknowledge(socket: &TcpStream) -> io::Result<()> {
    socket.set_quickack(true)
}

#[cfg(not(target_os = "linux"))]
fn acknowledge(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

impl Connected for Quick {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.0.connect_info()
    }
}

impl AsyncRead for Quick {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, into);
        if read.is_ready() {
            acknowledge(&self.0)?;
        }
        read
    }
}

impl AsyncWrite for Quick {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
