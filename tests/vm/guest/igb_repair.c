// SPDX-License-Identifier: GPL-2.0
/*
 * Puts right, from beside the unchanged igb driver, what QEMU's model of the
 * 82576 does otherwise than the chip:
 *
 * - SYSTIM jumps whenever TIMINCA is written (the model's phase correction has
 *   the wrong sign), so each frequency adjustment would step the clock. TIMINCA
 *   stays at one count per nanosecond here, and the driver's timecounter, which
 *   packet timestamps go through as well, is what is adjusted.
 * - A received frame is stamped only if its first PTP octet equals the message
 *   number in TSYNCRXCFG, even in the mode for all events, and the next one only
 *   after RXSATRH was read, which the driver never does.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/rtnetlink.h>
#include <linux/timecounter.h>
#include <linux/workqueue.h>

#define TIMINCA 0xb608
#define RXSATRH 0xb630
#define TSYNCRXCFG 0x5f50
#define SHIFT 30		/* Steps of 0.9 ppb; to be read every 17 s. */

static int rxmsg[8] = { 1, 0 };
module_param_array(rxmsg, int, NULL, 0644);
MODULE_PARM_DESC(rxmsg, "message type stamped on eth0 (Delay_Req), eth1 (Sync)");

/* How struct igb_adapter ends. */
struct clk {
	unsigned int flags;
	spinlock_t lock;
	struct cyclecounter cc;
	struct timecounter tc;
};

static struct nic {
	void *adapter;
	void __iomem *bar;
	struct ptp_clock_info *info;
	struct clk *clk;
} nics[8];
static void *old_adjfine, *old_read;	/* The driver's own. */
static DEFINE_MUTEX(coming_and_going);

/* NULL: a free place. */
static struct nic *by_adapter(void *adapter)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(nics); i++)
		if (nics[i].adapter == adapter)
			return &nics[i];
	return NULL;
}

static void *symbol(const char *name)
{
	struct kprobe kp = { .symbol_name = name };
	void *addr;

	if (register_kprobe(&kp))
		return NULL;
	addr = kp.addr;
	unregister_kprobe(&kp);
	return addr;
}

/*
 * Where in the driver's private area this function's address is kept. A kprobe's
 * address may lie behind the function's endbr64.
 */
static void *find(void *priv, void *func)
{
	void **p = priv;
	int i;

	for (i = 0; i < 2048; i++)
		if (p[i] == func || p[i] == func - 4)
			return &p[i];
	return NULL;
}

static void setup(struct nic *n)
{
	unsigned long flags;

	spin_lock_irqsave(&n->clk->lock, flags);
	n->clk->cc.mult = 1u << SHIFT;
	n->clk->cc.shift = SHIFT;
	writel(1 << 24 | 16, n->bar + TIMINCA);
	timecounter_init(&n->clk->tc, &n->clk->cc, ktime_get_real_ns());
	spin_unlock_irqrestore(&n->clk->lock, flags);
}

static int adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	unsigned long flags;
	int i;

	for (i = 0; i < ARRAY_SIZE(nics); i++) {
		struct clk *c = nics[i].clk;

		if (!nics[i].adapter || nics[i].info != info)
			continue;
		spin_lock_irqsave(&c->lock, flags);
		timecounter_read(&c->tc);
		c->cc.mult = adjust_by_scaled_ppm(1u << SHIFT, scaled_ppm);
		spin_unlock_irqrestore(&c->lock, flags);
		return 0;
	}
	return -ENODEV;
}

/* Also reads RXSATRH: a stamp that the driver did not take would be the last. */
static void refresh(struct work_struct *work)
{
	unsigned long flags;
	int i;

	mutex_lock(&coming_and_going);
	for (i = 0; i < ARRAY_SIZE(nics); i++) {
		if (!nics[i].adapter)
			continue;
		spin_lock_irqsave(&nics[i].clk->lock, flags);
		timecounter_read(&nics[i].clk->tc);
		spin_unlock_irqrestore(&nics[i].clk->lock, flags);
		readl(nics[i].bar + RXSATRH);
	}
	mutex_unlock(&coming_and_going);
	schedule_delayed_work(to_delayed_work(work), 4 * HZ);
}
static DECLARE_DELAYED_WORK(refresh_work, refresh);

/* For functions whose first argument is the adapter. */
static int keep_adapter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	*(unsigned long *)ri->data = regs->di;
	return 0;
}

/* The driver reprograms TIMINCA in igb_ptp_reset(). */
static int reset_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct nic *n = by_adapter(*(void **)ri->data);

	if (n)
		setup(n);
	return 0;
}

static struct kretprobe reset_probe = {
	.kp.symbol_name = "igb_ptp_reset",
	.entry_handler = keep_adapter,
	.handler = reset_return,
	.data_size = sizeof(void *),
};

static int stamp_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	*(void **)ri->data = *(void **)regs->di;	/* q_vector->adapter */
	return 0;
}

static int stamp_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct nic *n = by_adapter(*(void **)ri->data);

	if (n)
		readl(n->bar + RXSATRH);
	return 0;
}

static struct kretprobe stamp_probe = {
	.kp.symbol_name = "igb_ptp_rx_rgtstamp",
	.entry_handler = stamp_entry,
	.handler = stamp_return,
	.data_size = sizeof(void *),
};

static int mode_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct nic *n = by_adapter(*(void **)ri->data);

	if (n) {
		writel(rxmsg[n - nics] << 8, n->bar + TSYNCRXCFG);
		readl(n->bar + RXSATRH);
	}
	return 0;
}

static struct kretprobe mode_probe = {
	.kp.symbol_name = "igb_ptp_set_timestamp_mode",
	.entry_handler = keep_adapter,
	.handler = mode_return,
	.data_size = sizeof(void *),
};

/* Finds clock and registers of an igb device, and repairs it; false: not one. */
static bool adopt(struct net_device *dev)
{
	struct device *parent = dev->dev.parent;
	struct nic *n = by_adapter(NULL);
	void *priv = netdev_priv(dev), *adj, *cc;

	if (!n || !parent || !parent->driver || strcmp(parent->driver->name, "igb") || by_adapter(priv))
		return false;
	adj = find(priv, old_adjfine);
	cc = find(priv, old_read);
	if (!adj || !cc)
		return false;
	n->info = adj - offsetof(struct ptp_clock_info, adjfine);
	n->clk = cc - offsetof(struct clk, cc);
	if (n->clk->cc.mult != 1 || n->clk->tc.cc != cc) {
		netdev_err(dev, "igb_adapter is laid out otherwise\n");
		return false;
	}
	n->bar = pci_iomap(to_pci_dev(parent), 0, 0);
	if (!n->bar)
		return false;
	setup(n);
	n->info->adjfine = adjfine;
	n->adapter = priv;
	return true;
}

static void release(struct nic *n)
{
	n->adapter = NULL;
	iounmap(n->bar);
}

/* Unplugged, or plugged in again: its clock is there before it is first switched on. */
static int on_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct net_device *dev = netdev_notifier_info_to_dev(data);
	struct nic *n = by_adapter(netdev_priv(dev));

	mutex_lock(&coming_and_going);
	if (event == NETDEV_PRE_UP)
		adopt(dev);
	/* A change of the network namespace says so as well. */
	else if (event == NETDEV_UNREGISTER && dev->reg_state == NETREG_UNREGISTERING && n)
		release(n);
	mutex_unlock(&coming_and_going);
	return NOTIFY_DONE;
}

static struct notifier_block events = { .notifier_call = on_event };

static int __init repair_init(void)
{
	struct net_device *dev;
	bool any = false;
	int err;

	old_adjfine = symbol("igb_ptp_adjfine_82576");
	old_read = symbol("igb_ptp_read_82576");
	if (!old_adjfine || !old_read)
		return -ENOENT;
	rtnl_lock();
	for_each_netdev(&init_net, dev)
		any |= adopt(dev);
	rtnl_unlock();
	if (!any)
		return -ENODEV;
	err = register_netdevice_notifier(&events);
	if (!err)
		err = register_kretprobe(&reset_probe);
	if (!err)
		err = register_kretprobe(&stamp_probe);
	if (!err)
		err = register_kretprobe(&mode_probe);
	schedule_delayed_work(&refresh_work, 0);
	return err;
}
module_init(repair_init);

MODULE_DESCRIPTION("Repairs of QEMU's igb clock");
MODULE_LICENSE("GPL");
