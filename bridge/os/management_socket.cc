#include "bridge/os/management_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/unix_address.h"

namespace bridge::os {
namespace {

constexpr const char* kReadOnly[] = {"/var/run/ptp4lro", "/var/run/ptp/ptp4lro"};
constexpr const char* kReadWrite[] = {"/var/run/ptp4l", "/var/run/ptp/ptp4l"};
constexpr char kOurNames[] = "refclockd.";

const sockaddr* AsSockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::string DirectoryOf(const std::string& path) {
  return std::filesystem::path(path).parent_path();
}

bool SameFile(const std::string& path, const struct stat& known) {
  struct stat file;
  return stat(path.c_str(), &file) == 0 && file.st_dev == known.st_dev &&
         file.st_ino == known.st_ino;
}

// "refclockd.PID.NUMBER"
bool IsOurs(absl::string_view name) {
  if (!absl::StartsWith(name, kOurNames)) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '.');
  int ignored;
  return parts.size() == 3 && absl::SimpleAtoi(parts[1], &ignored) &&
         absl::SimpleAtoi(parts[2], &ignored);
}

bool IsDead(const std::string& path) {
  const auto address = UnixAddress(path);
  if (!address.ok()) return false;
  const FileDescriptor probe = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);
  return connect(probe.get(), AsSockaddr(*address), sizeof *address) != 0 &&
         errno == ECONNREFUSED;
}

// Names of daemons that were killed.
void RemoveStale(const std::string& directory) {
  std::error_code ignored;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator it(directory, ignored);
       !ignored && it != end; it.increment(ignored)) {
    const std::string path = it->path();
    if (IsOurs(it->path().filename().native()) && IsDead(path)) unlink(path.c_str());
  }
}

const char* Advice(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "that ptp4l has ended";
    case EACCES:
    case EPERM:
      return "this user may not write to it: run as root, or let ptp4l's uds_file_mode "
             "or uds_ro_file_mode allow it";
    case EPROTOTYPE:
      return "that is no ptp4l's socket";
    default:
      return "";
  }
}

// Not there, or dead: as if there were none. Not so one that may not be used.
bool IsAbsent(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status);
}

}  // namespace

std::vector<std::string> ManagementClient::Candidates() const {
  if (options_.server != "auto") return {options_.server};
  std::vector<std::string> paths(std::begin(kReadOnly), std::end(kReadOnly));
  paths.insert(options_.clock_is_known ? paths.end() : paths.begin(),
               std::begin(kReadWrite), std::end(kReadWrite));
  return paths;
}

absl::Status ManagementClient::Open() {
  Close();
  absl::Status refused;
  const std::vector<std::string> candidates = Candidates();
  for (const std::string& server : candidates) {
    const absl::Status status = Connect(server);
    if (status.ok()) return status;
    Close();
    if (refused.ok() && (!IsAbsent(status) || candidates.size() == 1)) refused = status;
  }
  if (!refused.ok()) return refused;
  return absl::NotFoundError(absl::StrCat(
      "no ptp4l runs: nothing listens at ", absl::StrJoin(candidates, ", "),
      " (start ptp4l; if it has another uds_address, say so in "
      "companion.socket)"));
}

absl::Status ManagementClient::Connect(const std::string& server) {
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(server));
  socket_ = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);
  if (!socket_.ok()) return ErrnoStatus(errno, "cannot open a UNIX socket");
  // The file first: should ptp4l be replaced meanwhile, IsCurrent() will tell.
  if (stat(server.c_str(), &server_file_) != 0 ||
      connect(socket_.get(), AsSockaddr(address), sizeof address) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot reach ptp4l at ", server),
                       Advice(errno));
  }
  server_ = server;
  const absl::Status beside = Bind(DirectoryOf(server));
  if (beside.ok() || options_.fallback_directory.empty()) return beside;
  return Bind(options_.fallback_directory);
}

absl::Status ManagementClient::Bind(const std::string& directory) {
  RemoveStale(directory);
  const std::string name =
      absl::StrCat(directory, "/", kOurNames, getpid(), ".", options_.number);
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(name));
  // Not by chmod, which would follow a link that somebody puts there in between.
  const mode_t before = umask(0111);
  const bool bound = bind(socket_.get(), AsSockaddr(address), sizeof address) == 0;
  const int error = errno;
  umask(before);
  if (!bound) {
    return ErrnoStatus(
        error, absl::StrCat("cannot make ", name, " for ptp4l's answers"),
        "run as root, or set status.socket to a path in a directory that "
        "both this user may write and ptp4l may search");
  }
  name_ = name;
  lstat(name.c_str(), &name_file_);
  return absl::OkStatus();
}

void ManagementClient::Close() {
  socket_ = FileDescriptor();
  if (!name_.empty() && SameFile(name_, name_file_)) unlink(name_.c_str());
  name_.clear();
}

bool ManagementClient::IsCurrent() const {
  return open() && SameFile(server_, server_file_) && SameFile(name_, name_file_);
}

ManagementSocket ManagementClient::kind() const {
  if (!open()) return ManagementSocket::kClosed;
  return absl::EndsWith(server_, "ro") ? ManagementSocket::kReadOnly
                                       : ManagementSocket::kReadWrite;
}

absl::Status ManagementClient::Send(std::span<const uint8_t> octets) {
  if (send(socket_.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >=
      0) {
    return absl::OkStatus();
  }
  if (errno == EAGAIN || errno == ENOBUFS) {
    return absl::ResourceExhaustedError(
        absl::StrCat("ptp4l does not read ", server_, ": is it stopped or stuck?"));
  }
  return absl::UnavailableError(
      ErrnoStatus(errno, absl::StrCat("cannot ask ptp4l at ", server_)).message());
}

std::optional<std::span<const uint8_t>> ManagementClient::Receive() {
  const ssize_t size =
      recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (size < 0) return std::nullopt;
  return std::span(buffer_).first(static_cast<size_t>(size));
}

}  // namespace bridge::os
