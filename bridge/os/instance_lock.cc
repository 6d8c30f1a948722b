#include "bridge/os/instance_lock.h"

#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "bridge/os/errno_status.h"

namespace bridge::os {
namespace {

struct Address {
  sockaddr_un name{};
  socklen_t size;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

// A leading NUL makes the name abstract.
Address AddressFor(const std::string& place) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::string name = absl::StrCat("refclockd-", place);
  // Paths differ in their ends.
  constexpr size_t kMost = sizeof address.name.sun_path - 1;
  if (name.size() > kMost) name.erase(0, name.size() - kMost);
  std::memcpy(address.name.sun_path + 1, name.data(), name.size());
  address.size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

// " (process 123)", from the credentials the kernel noted at listen().
std::string HolderOf(const Address& address) {
  FileDescriptor probe = OpenSocket(AF_UNIX, SOCK_STREAM, 0);
  ucred holder{};
  socklen_t size = sizeof holder;
  if (!probe.ok() || connect(probe.get(), address.get(), address.size) != 0 ||
      getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &holder, &size) != 0 ||
      holder.pid <= 0) {
    return "";
  }
  return absl::StrCat(" (process ", holder.pid, ")");
}

}  // namespace

absl::StatusOr<InstanceLock> InstanceLock::Acquire(const std::string& place) {
  const Address address = AddressFor(place);
  FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_STREAM, 0);
  if (!fd.ok()) return ErrnoStatus(errno, "cannot open a UNIX socket");
  if (bind(fd.get(), address.get(), address.size) != 0) {
    if (errno != EADDRINUSE) return ErrnoStatus(errno, "cannot take the instance lock");
    return absl::AlreadyExistsError(absl::StrCat("another refclockd runs on ", place,
                                                 HolderOf(address), ": one for each"));
  }
  // Nobody accepts: listening only lets a second instance learn who we are.
  listen(fd.get(), 64);
  return InstanceLock(std::move(fd));
}

}  // namespace bridge::os
