#include "bridge/os/status_server.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/unix_address.h"

namespace bridge::os {
namespace {

// A report fits the socket's buffer, so even this is long.
constexpr TimeDelta kPatience = TimeDelta::FromSeconds(1);

const sockaddr* AsSockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

void MakeParent(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  mkdir(path.substr(0, slash).c_str(), 0755);  // If it failed, bind says why.
}

// Makes room for a socket at `path`, or says why it must not.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0) return absl::OkStatus();
  if (!S_ISSOCK(file.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is no socket: it will not be replaced"));
  }
  FileDescriptor probe = OpenSocket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(probe.get(), AsSockaddr(address), sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    return absl::AlreadyExistsError(
        absl::StrCat("another program serves ", path,
                     ": a second refclockd needs its own status.socket"));
  }
  if (unlink(path.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot remove the stale socket ", path));
  }
  return absl::OkStatus();
}

// Writes as much as goes at once; whether there is nothing more to do.
bool WriteSome(const FileDescriptor& socket, std::string& text) {
  const ssize_t sent =
      send(socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno != EAGAIN && errno != EINTR;
  text.erase(0, static_cast<size_t>(sent));
  return text.empty();
}

}  // namespace

absl::StatusOr<std::unique_ptr<StatusServer>> StatusServer::Listen(
    const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  MakeParent(path);
  RETURN_IF_ERROR(RemoveStale(path, address));
  FileDescriptor listener = OpenSocket(AF_UNIX, SOCK_STREAM, 0);
  if (!listener.ok()) return ErrnoStatus(errno, "cannot open a UNIX socket");
  struct stat file;
  // 0666: to connect takes write permission, and the report is no secret.
  if (bind(listener.get(), AsSockaddr(address), sizeof address) != 0 ||
      chmod(path.c_str(), 0666) != 0 || lstat(path.c_str(), &file) != 0 ||
      listen(listener.get(), kMaxClients) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot listen on ", path),
                       "set status.socket to a path this user may write");
  }
  return std::unique_ptr<StatusServer>(
      new StatusServer(path, std::move(listener), file));
}

StatusServer::~StatusServer() {
  struct stat file;
  if (lstat(path_.c_str(), &file) == 0 && file.st_dev == file_.st_dev &&
      file.st_ino == file_.st_ino) {
    unlink(path_.c_str());
  }
}

void StatusServer::AppendPollFds(std::vector<pollfd>& out) const {
  out.push_back({listener_.get(), POLLIN, 0});
  for (const Client& client : clients_) {
    out.push_back({client.socket.get(), POLLOUT, 0});
  }
}

void StatusServer::Serve(MonoTime now, absl::FunctionRef<std::string()> report) {
  std::erase_if(clients_, [now](Client& client) {
    return WriteSome(client.socket, client.text) || now >= client.deadline;
  });
  Accept(now, report);
}

void StatusServer::Accept(MonoTime now, absl::FunctionRef<std::string()> report) {
  std::string text;
  for (size_t i = 0; i < kMaxClients; ++i) {
    Client client{FileDescriptor(accept(listener_.get(), nullptr, nullptr)), "",
                  now + kPatience};
    if (!client.socket.ok()) return;
    SetNonBlockingAndCloseOnExec(client.socket.get());
    if (text.empty()) text = report() + '\n';
    client.text = text;
    if (WriteSome(client.socket, client.text)) continue;
    // The oldest has had the most time.
    if (clients_.size() == kMaxClients) clients_.erase(clients_.begin());
    clients_.push_back(std::move(client));
  }
}

}  // namespace bridge::os
