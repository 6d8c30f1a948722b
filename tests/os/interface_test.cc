#include "bridge/os/interface.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "tests/os/namespaces.h"

namespace bridge::os {
namespace {

class InterfaceTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (!IsSkipped()) MakeCable();
  }
};

// Waits for the netlink message, as the loop does.
std::optional<LinkEvent> Next(LinkMonitor& monitor) {
  pollfd readable{monitor.fd(), POLLIN, 0};
  while (poll(&readable, 1, 500) == 1) {
    if (auto event = monitor.OnReadable()) return event;
  }
  return std::nullopt;
}

TEST_F(InterfaceTest, IsReadByName) {
  const auto info = ReadInterface("veth0");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_GT(info->index, 0);
  EXPECT_TRUE(info->up);
  EXPECT_TRUE(info->has_mac);
  EXPECT_NE(info->mac, (std::array<uint8_t, 6>{}));
  const auto loopback = ReadInterface("lo");
  ASSERT_TRUE(loopback.ok());
  EXPECT_FALSE(loopback->has_mac);
  EXPECT_FALSE(loopback->up);
}

TEST_F(InterfaceTest, WithoutCarrierIsNotUp) {
  ASSERT_TRUE(ReadInterface("veth0")->up);
  ASSERT_TRUE(Shell("ip link set veth1 down"));
  EXPECT_TRUE(WaitForLink("veth0", false));
}

TEST_F(InterfaceTest, ANameThatCannotBeOneIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadInterface("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadInterface("sixteen-letters-").status()));
  EXPECT_TRUE(absl::IsNotFound(ReadInterface("fifteen-letters").status()));
}

TEST_F(InterfaceTest, AddressesAreToldApart) {
  ASSERT_TRUE(Shell("ip addr flush dev veth0 && ip addr add 192.0.2.1/24 dev veth0"));
  auto addresses = ReadAddresses("veth0");
  ASSERT_TRUE(addresses);
  EXPECT_TRUE(addresses->ipv4);
  EXPECT_FALSE(addresses->ipv6_link_local);
  ASSERT_TRUE(
      Shell("ip addr flush dev veth0 && ip addr add fe80::1/64 dev veth0 nodad"));
  addresses = ReadAddresses("veth0");
  ASSERT_TRUE(addresses);
  EXPECT_FALSE(addresses->ipv4);
  EXPECT_TRUE(addresses->ipv6_link_local);
}

TEST_F(InterfaceTest, DriversAreAskedForSoftwareTransmitStamps) {
  EXPECT_EQ(StampsTransmissions("veth0"), true);
  EXPECT_EQ(StampsTransmissions("nope0"), std::nullopt);
}

TEST_F(InterfaceTest, MonitorNoticesDownAndUp) {
  LinkMonitor monitor("veth0");
  ASSERT_TRUE(monitor.netlink_status().ok());
  ASSERT_TRUE(monitor.IsUp());
  ASSERT_TRUE(Shell("ip link set veth0 down"));
  EXPECT_EQ(Next(monitor), LinkEvent::kDown);
  EXPECT_FALSE(monitor.IsUp());
  ASSERT_TRUE(Shell("ip link set veth0 up"));
  EXPECT_EQ(Next(monitor), LinkEvent::kUp);
  EXPECT_TRUE(monitor.IsUp());
}

TEST_F(InterfaceTest, MonitorNoticesACableThatIsPulled) {
  LinkMonitor monitor("veth0");
  ASSERT_TRUE(Shell("ip link set veth1 down"));
  EXPECT_EQ(Next(monitor), LinkEvent::kDown);
}

TEST_F(InterfaceTest, MonitorNoticesGoneAndBack) {
  LinkMonitor monitor("veth0");
  ASSERT_TRUE(Shell("ip link del veth0"));
  EXPECT_EQ(Next(monitor), LinkEvent::kGone);
  EXPECT_FALSE(monitor.info());
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  EXPECT_EQ(Next(monitor), LinkEvent::kBack);
  EXPECT_TRUE(monitor.info());
}

TEST_F(InterfaceTest, MonitorFollowsTheNameThroughRenames) {
  LinkMonitor monitor("veth0");
  ASSERT_TRUE(Shell("ip link set veth0 down && ip link set veth0 name other"));
  std::optional<LinkEvent> event = Next(monitor);
  if (event == LinkEvent::kDown) event = Next(monitor);
  EXPECT_EQ(event, LinkEvent::kGone);
  ASSERT_TRUE(Shell("ip link set other name veth0"));
  EXPECT_EQ(Next(monitor), LinkEvent::kBack);
}

TEST_F(InterfaceTest, MonitorNoticesAnotherInterfaceOfTheSameName) {
  LinkMonitor monitor("veth0");
  ASSERT_TRUE(monitor.info());
  const int before = monitor.info()->index;
  ASSERT_TRUE(
      Shell("ip link del veth0 && ip link add name veth0 type veth peer name x"));
  EXPECT_EQ(monitor.OnReadable(), LinkEvent::kReplaced);
  EXPECT_NE(monitor.info()->index, before);
}

TEST_F(InterfaceTest, RefreshNoticesWithoutNetlink) {
  LinkMonitor monitor("veth0");
  EXPECT_EQ(monitor.Refresh(), std::nullopt);
  ASSERT_TRUE(Shell("ip link set veth0 down"));
  EXPECT_EQ(monitor.Refresh(), LinkEvent::kDown);
  EXPECT_EQ(monitor.Refresh(), std::nullopt);
}

TEST_F(InterfaceTest, MonitorSleepsWhileOtherInterfacesChange) {
  LinkMonitor monitor("veth0");
  ASSERT_TRUE(Shell("ip link set lo up"));
  pollfd readable{monitor.fd(), POLLIN, 0};
  ASSERT_EQ(poll(&readable, 1, 500), 1);
  int wakeups = 0;
  for (; poll(&readable, 1, 30) == 1; ++wakeups) {
    EXPECT_EQ(monitor.OnReadable(), std::nullopt);
  }
  EXPECT_LT(wakeups, 10);
}

TEST_F(InterfaceTest, MonitorMayStartBeforeTheInterfaceExists) {
  LinkMonitor monitor("late0");
  EXPECT_FALSE(monitor.info());
  ASSERT_TRUE(Shell("ip link add name late0 type veth peer name late1"));
  EXPECT_EQ(Next(monitor), LinkEvent::kBack);
}

}  // namespace
}  // namespace bridge::os
