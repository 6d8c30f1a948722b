// SPDX-License-Identifier: GPL-2.0
/*
 * Two Ethernet devices joined by a cable, each with a PTP hardware clock and
 * hardware timestamps of PTP event messages, in and out.
 *
 * The clocks count the guest's raw monotonic time, so every timestamp is exact
 * but for what the parameters below add, and "truth" tells what all clocks show
 * at one instant. A frame is delivered at once; only its timestamp knows of the
 * cable's length, so keep delays short. All parameters but cross can be changed
 * at any time under /sys/module/phcpair/parameters. Either device can be unplugged,
 * its clock too, and is made anew when it is plugged in.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/module.h>
#include <linux/net_tstamp.h>
#include <linux/platform_device.h>
#include <linux/ptp_classify.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/rtnetlink.h>
#include <linux/timecounter.h>
#include <linux/udp.h>
#include <linux/workqueue.h>
#include <net/checksum.h>

#define SHIFT 30		/* Steps of 0.9 ppb; to be read every 17 s. */

static int delay[2] = { 1000, 1000 };
module_param_array(delay, int, NULL, 0644);
MODULE_PARM_DESC(delay, "of the cable towards eth0, eth1, ns");
static uint jitter;
module_param(jitter, uint, 0644);
MODULE_PARM_DESC(jitter, "receive timestamps are late by 0 to this, uniformly, ns");
static uint loss[2];
module_param_array(loss, uint, NULL, 0644);
MODULE_PARM_DESC(loss, "receive timestamps missing on eth0, eth1, percent");
static uint txloss[2];
module_param_array(txloss, uint, NULL, 0644);
MODULE_PARM_DESC(txloss, "transmit timestamps missing on eth0, eth1, percent");
static uint txlate[2];
module_param_array(txlate, uint, NULL, 0644);
MODULE_PARM_DESC(txlate, "transmit timestamps of eth0, eth1 come this late, ms");
static uint reading;
module_param(reading, uint, 0644);
MODULE_PARM_DESC(reading, "what reading a clock costs beside the instructions, us");
static uint onestep;
module_param(onestep, uint, 0644);
MODULE_PARM_DESC(onestep, "offer one-step Sync: 1 writes the originTimestamp, 2 that before and the rest into "
		 "the correctionField, 3 neither, and stamps it");
static bool borrow;
module_param(borrow, bool, 0644);
MODULE_PARM_DESC(borrow, "eth1 stamps with eth0's clock, as when another of an interface's clocks is chosen");
static bool cross;
module_param(cross, bool, 0444);
MODULE_PARM_DESC(cross, "offer PTP_SYS_OFFSET_PRECISE");

struct nic {
	int index;
	struct net_device *dev, *peer;
	struct platform_device *pdev;
	struct kernel_hwtstamp_config ts;
	struct ptp_clock *ptp;
	struct ptp_clock_info info;
	spinlock_t lock;	/* Of the clock. */
	struct cyclecounter cc;
	struct timecounter tc;
	long scaled_ppm;	/* As adjusted, without drift. */
	u64 rx_noise, tx_noise;	/* States of the generators, under the sender's queue lock. */
};
static struct nic *nics[2];

/* ---- Noise: splitmix64, a stream per device and direction. */

static u32 draw(u64 *state, u32 below)
{
	u64 z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return ((z >> 32) * below) >> 32;
}

static uint seed = 1;

static void seed_nics(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (!nics[i])
			continue;
		nics[i]->rx_noise = (u64)seed << 8 | i << 1;
		nics[i]->tx_noise = (u64)seed << 8 | i << 1 | 1;
	}
}

static int seed_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_uint(val, kp);

	if (!err)
		seed_nics();
	return err;
}

static const struct kernel_param_ops seed_ops = { .set = seed_set, .get = param_get_uint };
module_param_cb(seed, &seed_ops, &seed, 0644);
MODULE_PARM_DESC(seed, "of jitter and losses; writing it begins the noise anew");

/* ---- The clock. */

static int drift[2];

static u64 counter(const struct cyclecounter *cc)
{
	return ktime_get_raw_ns();
}

static u64 clock_at(struct nic *n, u64 raw)
{
	unsigned long flags;
	u64 ns;

	spin_lock_irqsave(&n->lock, flags);
	ns = timecounter_cyc2time(&n->tc, raw);
	spin_unlock_irqrestore(&n->lock, flags);
	return ns;
}

/* The one that stamps. */
static struct nic *clock_of(struct nic *n)
{
	return borrow ? nics[0] : n;
}

static void set_rate(struct nic *n)
{
	u64 nominal = (1u << SHIFT) + div_s64((s64)drift[n->index] << SHIFT, 1000000000);
	unsigned long flags;

	spin_lock_irqsave(&n->lock, flags);
	timecounter_read(&n->tc);
	n->cc.mult = adjust_by_scaled_ppm(nominal, n->scaled_ppm);
	spin_unlock_irqrestore(&n->lock, flags);
}

static int phc_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	struct nic *n = container_of(info, struct nic, info);

	n->scaled_ppm = scaled_ppm;
	set_rate(n);
	return 0;
}

static int phc_adjtime(struct ptp_clock_info *info, s64 delta)
{
	struct nic *n = container_of(info, struct nic, info);
	unsigned long flags;

	spin_lock_irqsave(&n->lock, flags);
	timecounter_adjtime(&n->tc, delta);
	spin_unlock_irqrestore(&n->lock, flags);
	return 0;
}

/*
 * The counter is latched in the middle of the reading's window, exactly: what the
 * instructions before and after cost would be an error of its own, and 9 ns here.
 */
static int phc_gettimex(struct ptp_clock_info *info, struct timespec64 *ts,
			struct ptp_system_timestamp *sts)
{
	struct system_time_snapshot now;
	s64 late = 0;

	ptp_read_system_prets(sts);
	if (reading)
		udelay(reading);
	ktime_get_snapshot(&now);
	ptp_read_system_postts(sts);
	if (sts && sts->clockid != CLOCK_MONOTONIC) {
		s64 middle = (timespec64_to_ns(&sts->pre_ts) + timespec64_to_ns(&sts->post_ts)) / 2;

		late = middle - ktime_to_ns(sts->clockid == CLOCK_MONOTONIC_RAW ? now.raw : now.real);
	}
	*ts = ns_to_timespec64(clock_at(container_of(info, struct nic, info), ktime_to_ns(now.raw) + late));
	return 0;
}

static int phc_settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	struct nic *n = container_of(info, struct nic, info);
	unsigned long flags;

	spin_lock_irqsave(&n->lock, flags);
	timecounter_init(&n->tc, &n->cc, timespec64_to_ns(ts));
	spin_unlock_irqrestore(&n->lock, flags);
	return 0;
}

static int phc_cross(struct ptp_clock_info *info, struct system_device_crosststamp *x)
{
	struct system_time_snapshot now;

	ktime_get_snapshot(&now);
	x->device = clock_at(container_of(info, struct nic, info), ktime_to_ns(now.raw));
	x->sys_realtime = now.real;
	x->sys_monoraw = now.raw;
	return 0;
}

/* The counter must not run for longer than its arithmetic holds. */
static long phc_refresh(struct ptp_clock_info *info)
{
	struct nic *n = container_of(info, struct nic, info);
	unsigned long flags;

	spin_lock_irqsave(&n->lock, flags);
	timecounter_read(&n->tc);
	spin_unlock_irqrestore(&n->lock, flags);
	return 4 * HZ;
}

static const struct ptp_clock_info phc_info = {
	.owner = THIS_MODULE,
	.name = "phcpair",
	.max_adj = 500000000,
	.adjfine = phc_adjfine,
	.adjtime = phc_adjtime,
	.gettimex64 = phc_gettimex,
	.settime64 = phc_settime,
	.do_aux_work = phc_refresh,
};

/* ---- Parameters of the clocks. */

static const struct kparam_array drift_array = {
	.max = 2, .elemsize = sizeof(int), .ops = &param_ops_int, .elem = drift,
};

static int drift_set(const char *val, const struct kernel_param *kp)
{
	int i, err = param_array_ops.set(val, kp);

	for (i = 0; !err && i < 2; i++)
		if (nics[i])
			set_rate(nics[i]);
	return err;
}

static int array_get(char *buffer, const struct kernel_param *kp)
{
	return param_array_ops.get(buffer, kp);
}

static const struct kernel_param_ops drift_ops = { .set = drift_set, .get = array_get };
module_param_cb(drift, &drift_ops, &drift_array, 0644);
MODULE_PARM_DESC(drift, "error of the oscillators of eth0, eth1, ppb");

static u64 shown_by(struct nic *n, u64 raw)
{
	return n ? clock_at(n, raw) : 0;
}

static int truth_get(char *buffer, const struct kernel_param *kp)
{
	struct system_time_snapshot now;

	ktime_get_snapshot(&now);
	return sysfs_emit(buffer, "%lld %lld %llu %llu\n", ktime_to_ns(now.real), ktime_to_ns(now.raw),
			  shown_by(nics[0], ktime_to_ns(now.raw)), shown_by(nics[1], ktime_to_ns(now.raw)));
}

static const struct kernel_param_ops truth_ops = { .get = truth_get };
module_param_cb(truth, &truth_ops, NULL, 0444);
MODULE_PARM_DESC(truth, "CLOCK_REALTIME, CLOCK_MONOTONIC_RAW and both PHCs (0: unplugged) at one instant, ns");

/* ---- The network device. */

static struct ptp_header *ptp_header_of(struct sk_buff *skb, unsigned int *type)
{
	*type = ptp_classify_raw(skb);
	return *type == PTP_CLASS_NONE ? NULL : ptp_parse_header(skb, *type);
}

static bool is_event(struct sk_buff *skb)
{
	unsigned int type;
	struct ptp_header *h = ptp_header_of(skb, &type);

	return h && ptp_get_msgtype(h, type) < 8;
}

/* ---- One-step Sync. */

#define TWO_STEP 0x02
#define ORIGIN_LENGTH 10	/* Seconds in 6 octets, nanoseconds in 4. */
#define EARLY 4321	/* ns: how long before its frame the origin of onestep=2 is. */

static bool has_one_step(struct nic *n, struct sk_buff *skb)
{
	unsigned int type;
	struct ptp_header *h;

	if (n->ts.tx_type != HWTSTAMP_TX_ONESTEP_SYNC || onestep == 3 ||
	    !(skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP))
		return false;
	h = ptp_header_of(skb, &type);
	return h && ptp_get_msgtype(h, type) == PTP_MSGTYPE_SYNC && !(h->flag_field[0] & TWO_STEP);
}

/* Words of a message, with the checksum of the datagram it is in (NULL: Ethernet). */
static void overwrite(void *to, const void *from, int length, struct udphdr *udp)
{
	for (; length > 0; length -= 2, to += 2, from += 2) {
		if (udp && udp->check) {
			csum_replace2(&udp->check, *(__be16 *)to, *(const __be16 *)from);
			udp->check = udp->check ?: CSUM_MANGLED_0;
		}
		memcpy(to, from, 2);
	}
}

static void insert_time(struct sk_buff *skb, u64 ns)
{
	unsigned int type;
	struct ptp_header *h = ptp_header_of(skb, &type);
	struct udphdr *udp = (type & PTP_CLASS_PMASK) == PTP_CLASS_L2 ? NULL : (struct udphdr *)h - 1;
	u64 early = onestep == 2 ? EARLY : 0;
	u32 rest;
	u64 seconds = div_u64_rem(ns - early, NSEC_PER_SEC, &rest);
	__be64 correction = cpu_to_be64(be64_to_cpu(h->correction) + (early << 16));
	u8 origin[ORIGIN_LENGTH];

	put_unaligned_be48(seconds, origin);
	put_unaligned_be32(rest, origin + 6);
	overwrite(h + 1, origin, sizeof(origin), udp);
	overwrite(&h->correction, &correction, sizeof(correction), udp);
}

struct late_stamp {
	struct delayed_work work;
	struct sk_buff *skb;
	struct skb_shared_hwtstamps hw;
};

static void deliver_late(struct work_struct *work)
{
	struct late_stamp *late = container_of(to_delayed_work(work), struct late_stamp, work);

	skb_tstamp_tx(late->skb, &late->hw);
	consume_skb(late->skb);
	kfree(late);
}

static void deliver_in(uint ms, struct sk_buff *skb, const struct skb_shared_hwtstamps *hw)
{
	struct late_stamp *late = kmalloc(sizeof(*late), GFP_ATOMIC);

	if (!late)
		return;
	late->skb = skb_get(skb);
	late->hw = *hw;
	INIT_DELAYED_WORK(&late->work, deliver_late);
	schedule_delayed_work(&late->work, msecs_to_jiffies(ms));
}

static void stamp_sent(struct nic *n, struct sk_buff *skb, u64 raw)
{
	struct skb_shared_hwtstamps hw = { .hwtstamp = ns_to_ktime(clock_at(clock_of(n), raw)) };

	if (!(skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP) || n->ts.tx_type == HWTSTAMP_TX_OFF)
		return;
	skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
	if (draw(&n->tx_noise, 100) < txloss[n->index])
		return;
	if (txlate[n->index])
		deliver_in(txlate[n->index], skb, &hw);
	else
		skb_tstamp_tx(skb, &hw);
}

/* Noise and loss are both drawn for each event, so that neither shifts the other. */
static void stamp_received(struct nic *n, struct sk_buff *skb, u64 raw)
{
	bool event = is_event(skb);
	u32 late, lost;

	if (n->ts.rx_filter == HWTSTAMP_FILTER_NONE || (n->ts.rx_filter != HWTSTAMP_FILTER_ALL && !event))
		return;
	late = event ? draw(&n->rx_noise, jitter + 1) : 0;
	lost = event ? draw(&n->rx_noise, 100) : 100;
	if (lost >= loss[n->index])
		skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(clock_at(clock_of(n), raw + delay[n->index] + late));
}

static netdev_tx_t nic_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct nic *n = netdev_priv(dev);
	struct net_device *peer = READ_ONCE(n->peer);
	u64 raw = ktime_get_raw_ns();
	bool one_step = has_one_step(n, skb);
	struct sk_buff *copy;

	skb_tx_timestamp(skb);
	copy = skb_copy(skb, GFP_ATOMIC);
	if (!one_step)
		stamp_sent(n, skb, raw);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	consume_skb(skb);
	if (!copy)
		return NETDEV_TX_OK;
	if (!peer) {
		consume_skb(copy);
		return NETDEV_TX_OK;
	}

	if (one_step)
		insert_time(copy, clock_at(clock_of(n), raw));
	skb_shinfo(copy)->tx_flags = 0;
	stamp_received(netdev_priv(peer), copy, raw);
	if (dev_forward_skb(peer, copy) == NET_RX_SUCCESS)
		dev_sw_netstats_rx_add(peer, copy->len);
	return NETDEV_TX_OK;
}

static int nic_open(struct net_device *dev)
{
	struct nic *n = netdev_priv(dev);

	if (n->peer && n->peer->flags & IFF_UP) {
		netif_carrier_on(dev);
		netif_carrier_on(n->peer);
	}
	return 0;
}

static int nic_stop(struct net_device *dev)
{
	struct nic *n = netdev_priv(dev);

	netif_carrier_off(dev);
	if (n->peer)
		netif_carrier_off(n->peer);
	return 0;
}

static int nic_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *cfg)
{
	*cfg = ((struct nic *)netdev_priv(dev))->ts;
	return 0;
}

static int nic_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *cfg,
			    struct netlink_ext_ack *extack)
{
	if (cfg->tx_type != HWTSTAMP_TX_OFF && cfg->tx_type != HWTSTAMP_TX_ON &&
	    !(onestep && cfg->tx_type == HWTSTAMP_TX_ONESTEP_SYNC))
		return -ERANGE;
	((struct nic *)netdev_priv(dev))->ts = *cfg;
	return 0;
}

static const struct net_device_ops nic_ops = {
	.ndo_open = nic_open,
	.ndo_stop = nic_stop,
	.ndo_start_xmit = nic_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_hwtstamp_get = nic_hwtstamp_get,
	.ndo_hwtstamp_set = nic_hwtstamp_set,
};

static int nic_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	struct nic *n = netdev_priv(dev);

	info->so_timestamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
		SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_TX_HARDWARE |
		SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	info->phc_index = ptp_clock_index(clock_of(n)->ptp);
	info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON) |
		(onestep ? BIT(HWTSTAMP_TX_ONESTEP_SYNC) : 0);
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(HWTSTAMP_FILTER_ALL) |
		BIT(HWTSTAMP_FILTER_PTP_V2_EVENT) | BIT(HWTSTAMP_FILTER_PTP_V2_L2_EVENT) |
		BIT(HWTSTAMP_FILTER_PTP_V2_L4_EVENT);
	return 0;
}

static int nic_link(struct net_device *dev, struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = SPEED_1000;
	cmd->base.duplex = DUPLEX_FULL;
	return 0;
}

static const struct ethtool_ops nic_ethtool = {
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = nic_link,
	.get_ts_info = nic_ts_info,
};

/* ---- Both made at once, and anew when plugged in; no exit. */

static int make_clock(struct nic *n)
{
	spin_lock_init(&n->lock);
	n->cc = (struct cyclecounter){ .read = counter, .mask = CYCLECOUNTER_MASK(64),
				       .mult = 1u << SHIFT, .shift = SHIFT };
	timecounter_init(&n->tc, &n->cc, ktime_get_real_ns());
	set_rate(n);
	n->info = phc_info;
	n->info.getcrosststamp = cross ? phc_cross : NULL;
	n->ptp = ptp_clock_register(&n->info, &n->pdev->dev);
	if (IS_ERR(n->ptp))
		return PTR_ERR(n->ptp);
	ptp_schedule_worker(n->ptp, 0);
	return 0;
}

static struct nic *make_nic(int i)
{
	struct net_device *dev = alloc_etherdev(sizeof(struct nic));
	u8 mac[ETH_ALEN] = { 2, 0, 0, 0, 0, i + 1 };
	struct nic *n;
	int err;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	n = netdev_priv(dev);
	n->index = i;
	n->dev = dev;
	n->pdev = platform_device_register_simple("phcpair", i, NULL, 0);
	if (IS_ERR(n->pdev))
		return ERR_CAST(n->pdev);
	err = make_clock(n);
	if (err)
		return ERR_PTR(err);
	dev->netdev_ops = &nic_ops;
	dev->ethtool_ops = &nic_ethtool;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	eth_hw_addr_set(dev, mac);
	SET_NETDEV_DEV(dev, &n->pdev->dev);
	strscpy(dev->name, "eth%d", IFNAMSIZ);
	netif_carrier_off(dev);
	return n;
}

static int plug(int i)
{
	struct nic *n = make_nic(i), *other = nics[!i];

	if (IS_ERR(n))
		return PTR_ERR(n);
	nics[i] = n;
	if (other) {
		n->peer = other->dev;
		WRITE_ONCE(other->peer, n->dev);
	}
	seed_nics();
	return register_netdev(n->dev);
}

static void unplug(int i)
{
	struct nic *n = nics[i], *other = nics[!i];
	struct platform_device *pdev = n->pdev;

	nics[i] = NULL;
	ptp_clock_unregister(n->ptp);
	if (other) {
		WRITE_ONCE(other->peer, NULL);
		netif_carrier_off(other->dev);
		synchronize_net();
	}
	unregister_netdev(n->dev);
	free_netdev(n->dev);
	platform_device_unregister(pdev);
}

static int plugged[2] = { 1, 1 };
static const struct kparam_array plugged_array = {
	.max = 2, .elemsize = sizeof(int), .ops = &param_ops_int, .elem = plugged,
};

static int plugged_set(const char *val, const struct kernel_param *kp)
{
	int i, err = param_array_ops.set(val, kp);

	for (i = 0; !err && i < 2; i++) {
		if (plugged[i] && !nics[i])
			err = plug(i);
		else if (!plugged[i] && nics[i])
			unplug(i);
	}
	return err;
}

static const struct kernel_param_ops plugged_ops = { .set = plugged_set, .get = array_get };
module_param_cb(plugged, &plugged_ops, &plugged_array, 0644);
MODULE_PARM_DESC(plugged, "whether eth0, eth1 are there, with their clocks");

static int __init pair_init(void)
{
	return plug(0) ?: plug(1);
}
module_init(pair_init);

MODULE_DESCRIPTION("Pair of Ethernet devices with PTP hardware clocks");
MODULE_LICENSE("GPL");
