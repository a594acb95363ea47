import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  plugins: [react()],
  // Grafana's parts look at node's names; a browser has none.
  define: { 'process.env.NODE_ENV': '"production"' },
  build: { outDir: 'dist', chunkSizeWarningLimit: 20000, sourcemap: false },
});
