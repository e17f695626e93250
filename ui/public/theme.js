// Runs before the first paint: the theme that was chosen must not flash. No attribute: as the system has it.
try {
  const { theme, motion } = JSON.parse(localStorage.getItem('mimeme') ?? '{}');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (motion === 'reduced') document.documentElement.dataset.motion = motion;
} catch {
  // Storage that is blocked or broken means the defaults.
}
